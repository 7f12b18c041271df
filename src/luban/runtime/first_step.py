"""What a graph reads at the first step alone is calculated there alone, up to where steps look at each other.

Where the state of its first mark answers for a text, the last layer of an encoder needs keys and values of all steps,
and of everything else one. A graph is rewritten in memory, behind `fusing`, and says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from luban.runtime import fusing

STEPS, _AXES = 1, 3
"""The axis of the steps in a tensor (rows, steps, width), and how many axes it has."""
_ROWWISE = frozenset(
    {"Add", "Div", "Erf", "Gelu", "LayerNormalization", "MatMul", "Mul", "Pow", "Relu", "Split", "Sub", "Tanh"}
)
"""Operators that make the numbers of a step of the numbers of that step, and of constants without steps."""
_ATTENTION, _QUERY, _MASK, _ASKING = "MultiHeadAttention", 0, 5, 2
"""Where an attention has what asks and what is left out, and the axis there of the steps that ask."""


def narrowed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model that makes one step of what is read at the first one alone; its inputs and outputs are the same."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    made = _made_at_first(model.graph, constants)
    if not made:
        return model
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:]
    bounds = {f"first-step/{number}": number for number in (0, 1, _ASKING)}
    cut: dict[str, str] = {}
    for original in model.graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(original)
        for reader, place, axis in _slots(node, constants) if node.output[0] in made else ():
            source = reader.input[place]
            if source not in made and source not in cut:
                cut[source] = f"{source}/first-step"
                limits = [f"first-step/{number}" for number in (0, 1, axis)]
                result.graph.node.append(helper.make_node("Slice", [source, *limits], [cut[source]]))
            reader.input[place] = cut.get(source, source)
        result.graph.node.append(node)
    result.graph.initializer.extend(
        helper.make_tensor(name, TensorProto.INT64, [1], [number]) for name, number in bounds.items()
    )
    return result


def _made_at_first(graph: Any, constants: Mapping[str, Any]) -> set[str]:
    """Names of what is read at its first step alone, and is made of the first step of others."""
    zeros = {name for name, tensor in constants.items() if _is_zero(tensor)}
    whole, at_first, made = {end.name for end in graph.output}, set[str](), set[str]()
    # A node stands behind those that make what it reads, so whoever reads its output was seen before it.
    for node in reversed(graph.node):
        if node.op_type == "Gather" and node.input[1] in zeros and _axis(node) == STEPS:
            at_first.add(node.input[0])
            continue
        slots = _slots(node, constants) if at_first.issuperset(node.output) and whole.isdisjoint(node.output) else []
        asked = {reader.input[place] for reader, place, _ in slots}
        if slots:
            made.update(node.output)
        at_first |= asked
        whole |= fusing.reads(node) - asked
    return made


def _slots(node: Any, constants: Mapping[str, Any]) -> list[tuple[Any, int, int]]:
    """Where a node reads, of what has steps, no other step than the one it makes: the node itself or one of its
    branches, the place among what it reads, and the axis of the steps. Nothing where it may read other steps.
    """
    branches = fusing.branches(node)
    if branches and all(each.op_type == _ATTENTION for each in branches):
        return [
            (attention, place, axis)
            for attention in branches
            for place, axis in ((_QUERY, STEPS), (_MASK, _ASKING))
            if place < len(attention.input)
        ]
    if node.op_type not in _ROWWISE:
        return []
    if node.op_type == "Split" and _axis(node) in (0, STEPS, STEPS - _AXES):
        return []
    axes = [len(constants[name].dims) if name in constants else None for name in node.input]
    if node.op_type == "MatMul":
        return [(node, 0, STEPS)] if axes == [None, 2] else []
    if any(count is not None and count > 1 for count in axes):
        return []
    return [(node, place, STEPS) for place, count in enumerate(axes) if count is None]


def _is_zero(tensor: Any) -> bool:
    return not tensor.dims and tensor.data_type == TensorProto.INT64 and not numpy_helper.to_array(tensor).item()


def _axis(node: Any) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
