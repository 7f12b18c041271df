"""What torch's exporter writes as many nodes and onnxruntime has as one: attention, and the activation GELU.

What is left out of an attention, its mask, is looked at once for a piece of rows: rows that are equally long need none.

A graph is fused in memory, after it was accepted and before it runs; bundles hold the graphs of the standard's own
operators. What is not written exactly as the exporter writes it stays as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from luban.batch import Array

DOMAIN = "com.microsoft"
_NEAR = 1e-5
_HEADS_IN_FRONT = (0, 2, 1, 3)


def concerns(data: bytes) -> bool:
    """Whether a graph may have something to fuse, as its bytes say."""
    return b"Erf" in data or b"IsNaN" in data


def fused(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its GELUs and attentions as one node each; its inputs and outputs are the same."""
    graph = _Graph(model.graph)
    replaced: dict[str, list[Any]] = {}
    for node in model.graph.node:
        found = graph.gelu(node) if node.op_type == "Mul" else graph.attention(node)
        if found:
            replaced[node.output[0]] = found
    if not replaced:
        return model
    made = [each for node in model.graph.node for each in replaced.get(node.output[0], [node])]
    # Layers ask the same of one mask.
    nodes = list({tuple(node.output): node for node in made}.values())
    result = rewritten(model, nodes)
    result.opset_import.append(helper.make_operatorsetid(DOMAIN, 1))
    return result


def rewritten(model: onnx.ModelProto, nodes: list[Any], added: Mapping[str, Array] | None = None) -> onnx.ModelProto:
    """The model with these nodes in the place of its own: those that its outputs are made of, and the constants that
    they read. added: further constants, by name.
    """
    kept = _needed(nodes, [end.name for end in model.graph.output])
    read = {name for node in kept for name in reads(node)}
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in read]
    tensors += [numpy_helper.from_array(array, name) for name, array in (added or {}).items() if name in read]
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:]
    result.graph.node.extend(kept)
    result.graph.initializer.extend(tensors)
    return result


@final
@dataclass(frozen=True)
class _Heads:
    """A tensor (rows, steps, width) that is seen as (rows, heads, steps, size)."""

    name: str
    heads: int
    width: int


@final
class _Graph:
    """The nodes of a graph by what they make, and its constants by name."""

    def __init__(self, graph: Any) -> None:
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.uses = Counter(name for node in graph.node for name in node.input)

    def gelu(self, node: Any) -> list[Any]:
        """The node for x * 0.5 * (1 + erf(x / sqrt(2))), where this is its end."""
        for value, half in (node.input, reversed(node.input)):
            one = self._by(self._times(half, 0.5), "Add")
            error = self._by(None if one is None else self._plus(one, 1.0), "Erf")
            division = self._by(None if error is None else error.input[0], "Div")
            if division is not None and division.input[0] == value and self._is(division.input[1], math.sqrt(2)):
                return [helper.make_node("Gelu", [value], list(node.output), domain=DOMAIN)]
        return []

    def attention(self, node: Any) -> list[Any]:
        """The nodes for softmax(q k' + mask) v of several heads, joined again, where this is its end."""
        back = self._by(node.input[0], "Transpose") if node.op_type == "Reshape" else None
        product = self._by(back.input[0], "MatMul") if back is not None and _perm(back) == _HEADS_IN_FRONT else None
        shares = self._by(product.input[0], "Where") if product is not None else None
        if product is None or shares is None or not self._is(shares.input[1], 0.0):
            return []
        softmax, asks = self._by(shares.input[2], "Softmax"), self._by(shares.input[0], "IsNaN")
        if softmax is None or asks is None or asks.input[0] != softmax.output[0]:
            return []
        masked = self._by(softmax.input[0], "Add")
        scores = None if masked is None else self._by(masked.input[0], "MatMul")
        if masked is None or scores is None or self._by(masked.input[1], "Where") is None:
            return []
        query, key = self._scaled(scores.input[0]), self._scaled(scores.input[1])
        if query is None or key is None or abs(query[1] - key[1]) > _NEAR:
            return []
        parts = [self._heads(query[0]), self._heads(self._turned(key[0])), self._heads(product.input[1])]
        if any(part is None for part in parts) or len({part.heads for part in parts if part is not None}) > 1:
            return []
        asking, asked, told = (part for part in parts if part is not None)
        # A bias of the keys adds one number to all scores of a step, which their softmax does not see.
        names = [asking.name, str(self.makers[asked.name].input[0]), told.name]
        settings = {"domain": DOMAIN, "num_heads": asking.heads, "scale": query[1] * key[1]}
        return _attention(names, str(masked.input[1]), node.output[0], told.width, settings)

    def _heads(self, name: str | None) -> _Heads | None:
        """What is split into heads, where it is (rows, steps, heads, size) with the heads put before the steps."""
        turned = self._by(name, "Transpose")
        split = (
            self._by(turned.input[0], "Reshape") if turned is not None and _perm(turned) == _HEADS_IN_FRONT else None
        )
        sizes = self._by(split.input[1], "Concat") if split is not None else None
        if split is None or sizes is None or len(sizes.input) != 4:
            return None
        size, width = self._constant(sizes.input[3]), self._width(split.input[0])
        if size is None or width is None or size.size != 1 or width % int(size.item()):
            return None
        return _Heads(split.input[0], width // int(size.item()), width)

    def _width(self, name: str) -> int | None:
        """The size of the last axis of what a linear layer made."""
        layer = self._by(name, "Add")
        bias = None if layer is None else self._constant(layer.input[1])
        return len(bias) if bias is not None and bias.ndim == 1 else None

    def _turned(self, name: str) -> str | None:
        """What has its last two axes exchanged here: rows and heads are one axis meanwhile."""
        spread = self._by(name, "Reshape")
        turned = None if spread is None else self._by(spread.input[0], "Transpose")
        flat = self._by(turned.input[0], "Reshape") if turned is not None and _perm(turned) == (0, 2, 1) else None
        return None if flat is None else str(flat.input[0])

    def _scaled(self, name: str) -> tuple[str, float] | None:
        product = self._by(name, "Mul")
        scale = None if product is None else self._constant(product.input[1])
        return None if product is None or scale is None or scale.size != 1 else (product.input[0], float(scale.item()))

    def _times(self, name: str, number: float) -> str | None:
        """What is multiplied by the number here."""
        return self._with(self._by(name, "Mul"), number)

    def _plus(self, node: Any, number: float) -> str | None:
        """What the number is added to by this node."""
        return self._with(node, number)

    def _with(self, node: Any, number: float) -> str | None:
        if node is None:
            return None
        for value, constant in (node.input, reversed(node.input)):
            if self._is(constant, number):
                return str(value)
        return None

    def _by(self, name: str | None, operator: str) -> Any:
        """The node that made a tensor, where it is of this operator."""
        node = None if name is None else self.makers.get(name)
        return node if node is not None and node.op_type == operator else None

    def _is(self, name: str, number: float) -> bool:
        value = self._constant(name)
        return value is not None and value.size == 1 and abs(float(value.item()) - number) < _NEAR

    def _constant(self, name: str) -> Any:
        tensor = self.tensors.get(name)
        return None if tensor is None else np.asarray(numpy_helper.to_array(tensor))


def _attention(parts: list[str], mask: str, out: str, width: int, settings: dict[str, Any]) -> list[Any]:
    """The one node for an attention, which takes its mask only where it leaves something out.

    A mask of rows that are equally long is zeros, and to add them takes a sixth of the attention's time.
    """
    sizes, largest, asked = f"{mask}/sizes", f"{mask}/largest", f"{mask}/leaves-out"
    branches = {}
    for name, inputs in {"then": [*parts, "", "", mask], "else": parts}.items():
        said = f"{out}/{name}"
        node = helper.make_node("MultiHeadAttention", inputs, [said], **settings)
        end = helper.make_tensor_value_info(said, TensorProto.FLOAT, [None, None, width])
        branches[f"{name}_branch"] = helper.make_graph([node], name, [], [end])
    return [
        helper.make_node("Abs", [mask], [sizes]),
        helper.make_node("ReduceMax", [sizes], [largest], keepdims=0),
        helper.make_node("Cast", [largest], [asked], to=TensorProto.BOOL),
        helper.make_node("If", [asked], [out], **branches),
    ]


def reads(node: Any) -> list[str]:
    """What a node is made of, as often as it reads it; its branches take what they need from around it."""
    return [name for each in (node, *branches(node)) for name in each.input if name]


def branches(node: Any) -> list[Any]:
    """The nodes of its branches."""
    return [each for attribute in node.attribute if attribute.HasField("g") for each in attribute.g.node]


def _perm(node: Any) -> tuple[int, ...]:
    return next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), ())


def _needed(nodes: list[Any], outputs: list[str]) -> list[Any]:
    """The nodes that the outputs are made of, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted.update(reads(node))
    return kept[::-1]
