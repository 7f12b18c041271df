"""What a graph reads at the first step alone is calculated there alone, up to where steps look at each other.

Where the state of its first mark answers for a text, the last layer of an encoder looks at all steps, and makes one of
everything. A graph is rewritten in memory, behind `fusing`, and says the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from luban.runtime import fusing, one_query

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
    if not any(_is_first(node, constants) for node in model.graph.node):
        return model
    axes = _axes(model)
    made = _made_at_first(model.graph, constants, axes)
    if not made:
        return model
    makers = {name: node for node in model.graph.node for name in node.output if name}
    added = {f"first-step/{number}": np.array([number]) for number in (0, 1, _ASKING)}
    nodes: list[Any] = []
    cut: dict[str, str] = {}
    for original in model.graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(original)
        for reader, place, axis in _slots(node, constants, axes) if node.output[0] in made else ():
            source = reader.input[place]
            if source not in made and source not in cut:
                cut[source] = f"{source}/first-step"
                limits = [f"first-step/{number}" for number in (0, 1, axis)]
                nodes.append(helper.make_node("Slice", [source, *limits], [cut[source]]))
            reader.input[place] = cut.get(source, source)
        question = _question(node) if node.output[0] in made else None
        folded = None if question is None else one_query.folded(question, makers, constants)
        nodes += [node] if folded is None else folded.nodes
        added |= {} if folded is None else folded.constants
    return fusing.rewritten(model, nodes, added)


def _question(node: Any) -> one_query.Question | None:
    """The attention of a node that was cut to one step; of its branches the one that has a mask, where one has."""
    attentions = [each for each in fusing.branches(node) if each.op_type == _ATTENTION]
    if not attentions:
        return None
    chosen = max(attentions, key=lambda each: len(each.input))
    mask = str(chosen.input[_MASK]) if len(chosen.input) > _MASK else None
    return one_query.Question(str(chosen.input[_QUERY]), mask, str(node.output[0]), chosen)


def _made_at_first(graph: Any, constants: Mapping[str, Any], axes: Mapping[str, int]) -> set[str]:
    """Names of what is read at its first step alone, and is made of the first step of others."""
    whole, at_first, made = {end.name for end in graph.output}, set[str](), set[str]()
    # A node stands behind those that make what it reads, so whoever reads its output was seen before it.
    for node in reversed(graph.node):
        if _is_first(node, constants):
            at_first.add(node.input[0])
            continue
        known = at_first.issuperset(node.output) and whole.isdisjoint(node.output)
        slots = _slots(node, constants, axes) if known else []
        # What is asked of one step in one place may be needed whole in another, as keys that are the queries too.
        asked = Counter(reader.input[place] for reader, place, _ in slots)
        if slots:
            made.update(node.output)
        at_first |= asked.keys()
        whole |= (Counter(fusing.reads(node)) - asked).keys()
    return made


def _slots(node: Any, constants: Mapping[str, Any], axes: Mapping[str, int]) -> list[tuple[Any, int, int]]:
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
    if node.op_type in ("Split", "LayerNormalization") and _axis(node) not in (-1, _AXES - 1):
        return []
    beside = [axes[name] for name in node.input if name in constants]
    places = [place for place, name in enumerate(node.input) if name and name not in constants]
    if any(axes.get(node.input[place]) != _AXES for place in places):
        return []
    if node.op_type == "MatMul":
        return [(node, 0, STEPS)] if places == [0] and beside == [2] else []
    return [(node, place, STEPS) for place in places] if all(count < 2 for count in beside) else []


def _axes(model: onnx.ModelProto) -> dict[str, int]:
    """How many axes each tensor has, where that is known; a large constant is told by its sizes alone."""
    graph = model.graph
    light = helper.make_model(helper.make_graph([], graph.name, graph.input, graph.output))
    del light.opset_import[:]
    light.opset_import.extend(model.opset_import)
    for node in graph.node:
        copy = light.graph.node.add()
        copy.CopyFrom(node)
        if node.op_type == "Gelu":
            # Not of the standard's operators, and of the same axes as another activation.
            copy.op_type, copy.domain = "Relu", ""
    for tensor in graph.initializer:
        if len(tensor.dims) < 2:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    inferred = onnx.shape_inference.infer_shapes(light).graph
    found = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for value in (*inferred.input, *inferred.value_info):
        if value.type.tensor_type.HasField("shape"):
            found[value.name] = len(value.type.tensor_type.shape.dim)
    return found


def _is_first(node: Any, constants: Mapping[str, Any]) -> bool:
    """Whether it takes the first step of what it reads."""
    if node.op_type != "Gather" or node.input[1] not in constants:
        return False
    number = constants[node.input[1]]
    one = not number.dims and number.data_type == TensorProto.INT64
    return one and _axis(node) == STEPS and not numpy_helper.to_array(number).item()


def _axis(node: Any) -> int:
    usual = -1 if node.op_type == "LayerNormalization" else 0
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), usual)
