"""Where one step asks, an attention needs no keys and no values: what asks is turned instead, and meets the steps.

Of each head q (x K)' = (q K') x', and p (x V + b) = (p x) V + b where the shares p add up to 1. For one step q that
asks and all steps x that are asked, products of every step with the matrices K and V become products of every step with
as many rows as there are heads: of MiniLM a thirtieth. A graph is rewritten in memory, behind `first_step`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from onnx import helper, numpy_helper

from luban.batch import Array
from luban.runtime import fusing

_TURNED = (1, 0, 2)
"""Heads before rows, or rows before heads."""


@final
@dataclass(frozen=True)
class Question:
    """An attention that one step asks.

    asks: (rows, 1, width), the step, by name. mask: (rows, 1, 1, steps), what is added to its scores; None for nothing.
    out: what the attention's answer is called. attention: the node, of which the keys, values and settings are read.
    """

    asks: str
    mask: str | None
    out: str
    attention: Any


@final
@dataclass(frozen=True)
class Folded:
    """The nodes in the place of an attention, and the constants that they need, by name."""

    nodes: list[Any]
    constants: dict[str, Array]


def folded(question: Question, makers: Mapping[str, Any], constants: Mapping[str, Any]) -> Folded | None:
    """The nodes that say the same without keys and values; None where these are no products of the same steps.

    makers: the nodes of the graph by what they make. constants: its tensors by name.
    """
    settings = {each.name: helper.get_attribute_value(each) for each in question.attention.attribute}
    keys, values = (_linear(question.attention.input[place], makers, constants) for place in (1, 2))
    if keys is None or values is None or keys.source != values.source or keys.bias is not None:
        return None
    heads, out = int(settings["num_heads"]), question.out
    width, told = keys.weight.shape[1], values.weight.shape[1]
    if width % heads or told % heads:
        return None
    scale = settings.get("scale", 1 / math.sqrt(width // heads))
    tensors = {
        f"{out}/heads": np.array([-1, heads, width // heads]),
        f"{out}/joined": np.array([-1, 1, told]),
        f"{out}/keys": _by_head(keys.weight, heads).transpose(0, 2, 1),
        f"{out}/values": _by_head(values.weight, heads),
    }
    nodes = [
        helper.make_node("Reshape", [question.asks, f"{out}/heads"], [f"{out}/asks"]),
        helper.make_node("Transpose", [f"{out}/asks"], [f"{out}/asks-turned"], perm=_TURNED),
        helper.make_node("MatMul", [f"{out}/asks-turned", f"{out}/keys"], [f"{out}/back"]),
        helper.make_node("Transpose", [f"{out}/back"], [f"{out}/back-turned"], perm=_TURNED),
        helper.make_node(
            "FusedMatMul", [f"{out}/back-turned", keys.source], [f"{out}/scores"],
            domain=fusing.DOMAIN, transB=1, alpha=scale,
        ),
    ]  # fmt: skip
    scores = f"{out}/scores"
    if question.mask is not None:
        tensors[f"{out}/asking"] = np.array([2])
        nodes += [
            helper.make_node("Squeeze", [question.mask, f"{out}/asking"], [f"{out}/mask"]),
            helper.make_node("Add", [scores, f"{out}/mask"], [f"{out}/masked"]),
        ]
        scores = f"{out}/masked"
    joined = f"{out}/joined-heads" if values.bias is not None else out
    nodes += [
        helper.make_node("Softmax", [scores], [f"{out}/shares"], axis=-1),
        helper.make_node("MatMul", [f"{out}/shares", values.source], [f"{out}/looked"]),
        helper.make_node("Transpose", [f"{out}/looked"], [f"{out}/looked-turned"], perm=_TURNED),
        helper.make_node("MatMul", [f"{out}/looked-turned", f"{out}/values"], [f"{out}/told"]),
        helper.make_node("Transpose", [f"{out}/told"], [f"{out}/told-turned"], perm=_TURNED),
        helper.make_node("Reshape", [f"{out}/told-turned", f"{out}/joined"], [joined]),
    ]
    if values.bias is not None:
        nodes.append(helper.make_node("Add", [joined, values.bias], [out]))
    return Folded(nodes, {name: np.ascontiguousarray(array) for name, array in tensors.items()})


@final
@dataclass(frozen=True)
class _Linear:
    """source weight + bias. weight: (inputs, outputs)."""

    source: str
    weight: Array
    bias: str | None


def _linear(name: str, makers: Mapping[str, Any], constants: Mapping[str, Any]) -> _Linear | None:
    """The layer that made a tensor, where it is one."""
    node, bias = makers.get(name), None
    if node is not None and node.op_type == "Add":
        # The exporter writes the bias behind the product.
        product, bias = node.input
        node = makers.get(product)
        if bias not in constants or len(constants[bias].dims) != 1:
            return None
    if node is None or node.op_type != "MatMul" or node.input[1] not in constants:
        return None
    weight = numpy_helper.to_array(constants[node.input[1]])
    return _Linear(str(node.input[0]), weight, bias) if weight.ndim == 2 else None


def _by_head(weight: Array, heads: int) -> Array:
    """(heads, inputs, size) of (inputs, heads * size)."""
    return weight.reshape(len(weight), heads, -1).transpose(1, 0, 2)
