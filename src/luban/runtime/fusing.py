"""What torch's exporter writes as many nodes and onnxruntime has as one: attention, and the activation GELU.

A graph is fused in memory, after it was accepted and before it runs; bundles hold the graphs of the standard's own
operators. What is not written exactly as the exporter writes it stays as it is.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import onnx
from onnx import helper, numpy_helper

DOMAIN = "com.microsoft"
_NEAR = 1e-5
_HEADS_IN_FRONT = (0, 2, 1, 3)


def concerns(data: bytes) -> bool:
    """Whether a graph may have something to fuse, as its bytes say."""
    return b"Erf" in data or b"IsNaN" in data


def fused(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its GELUs and attentions as one node each; its inputs and outputs are the same."""
    graph = _Graph(model.graph)
    replaced: dict[str, Any] = {}
    for node in model.graph.node:
        found = graph.gelu(node) if node.op_type == "Mul" else graph.attention(node)
        if found is not None:
            replaced[node.output[0]] = found
    if not replaced:
        return model
    nodes = [replaced.get(node.output[0], node) for node in model.graph.node]
    kept = _needed(nodes, [end.name for end in model.graph.output])
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:]
    result.graph.node.extend(kept)
    result.opset_import.append(helper.make_operatorsetid(DOMAIN, 1))
    return result


@final
@dataclass(frozen=True)
class _Heads:
    """A tensor (rows, steps, width) that is seen as (rows, heads, steps, size)."""

    name: str
    heads: int


@final
class _Graph:
    """The nodes of a graph by what they make, and its constants by name."""

    def __init__(self, graph: Any) -> None:
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.uses = Counter(name for node in graph.node for name in node.input)

    def gelu(self, node: Any) -> Any:
        """The one node for x * 0.5 * (1 + erf(x / sqrt(2))), where this is its end."""
        for value, half in (node.input, reversed(node.input)):
            one = self._by(self._times(half, 0.5), "Add")
            error = self._by(None if one is None else self._plus(one, 1.0), "Erf")
            division = self._by(None if error is None else error.input[0], "Div")
            if division is not None and division.input[0] == value and self._is(division.input[1], math.sqrt(2)):
                return helper.make_node("Gelu", [value], list(node.output), domain=DOMAIN)
        return None

    def attention(self, node: Any) -> Any:
        """The one node for softmax(q k' + mask) v of several heads, joined again, where this is its end."""
        back = self._by(node.input[0], "Transpose") if node.op_type == "Reshape" else None
        product = self._by(back.input[0], "MatMul") if back is not None and _perm(back) == _HEADS_IN_FRONT else None
        shares = self._by(product.input[0], "Where") if product is not None else None
        if product is None or shares is None or not self._is(shares.input[1], 0.0):
            return None
        softmax, asks = self._by(shares.input[2], "Softmax"), self._by(shares.input[0], "IsNaN")
        if softmax is None or asks is None or asks.input[0] != softmax.output[0]:
            return None
        masked = self._by(softmax.input[0], "Add")
        scores = None if masked is None else self._by(masked.input[0], "MatMul")
        if masked is None or scores is None or self._by(masked.input[1], "Where") is None:
            return None
        query, key = self._scaled(scores.input[0]), self._scaled(scores.input[1])
        if query is None or key is None or abs(query[1] - key[1]) > _NEAR:
            return None
        parts = [self._heads(query[0]), self._heads(self._turned(key[0])), self._heads(product.input[1])]
        if any(part is None for part in parts) or len({part.heads for part in parts if part is not None}) > 1:
            return None
        named = [part for part in parts if part is not None]
        return helper.make_node(
            "MultiHeadAttention", [*(part.name for part in named), "", "", masked.input[1]], list(node.output),
            domain=DOMAIN, num_heads=named[0].heads, scale=query[1] * key[1],
        )  # fmt: skip

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
        return _Heads(split.input[0], width // int(size.item()))

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


def _perm(node: Any) -> tuple[int, ...]:
    return next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), ())


def _needed(nodes: list[Any], outputs: list[str]) -> list[Any]:
    """The nodes that the outputs are made of, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]
