"""Large products of a network in int8: a graph is rewritten in memory, after it was accepted and before it runs.

Weights are rounded once, with a scale for each output; what is multiplied by them is rounded as it comes, with one
scale for a whole piece of rows (Jacob et al., 2018; dynamic quantisation). Sums are int32, all else stays float32. So
the answer for a row moves a little with the rows that are answered beside it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from luban.batch import Array
from luban.runtime import fusing

Precision = Literal["float32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FEWEST = 1 << 14
"""Weights of a product below which rounding costs more than it saves."""
REACH = 127


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each product of a tensor and a large constant matrix in int8."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[Any] = []
    rounded: dict[str, list[str]] = {}
    added: dict[str, Array] = {}
    for node in model.graph.node:
        if node.op_type == "Gelu" and node.domain == fusing.DOMAIN:
            # By tanh instead of erf it is a third quicker, and differs by 0.0005 at most, which rounding hides.
            nodes.append(helper.make_node("FastGelu", node.input, node.output, domain=node.domain))
            continue
        weight = weights.get(node.input[1]) if _is_product(node) else None
        if weight is None or not _large(weight):
            nodes.append(node)
            continue
        layer = node.op_type == "Gemm"
        source, matrix, out = node.input[0], node.input[1], node.output[0] + ("/product" if layer else "")
        if source not in rounded:
            rounded[source] = [f"{source}/int8", f"{source}/scale", f"{source}/zero"]
            nodes.append(helper.make_node("DynamicQuantizeLinear", [source], rounded[source]))
        if f"{matrix}/int8" not in added:
            values = numpy_helper.to_array(weight)
            numbers, scales = rows_of(values if layer else values.T)
            tensors = {"int8": numbers.T, "scale": scales, "zero": np.zeros(len(scales), np.int8)}
            for name, array in tensors.items():
                added[f"{matrix}/{name}"] = np.ascontiguousarray(array)
        whole, scale, zero = rounded[source]
        nodes.extend([
            helper.make_node("Mul", [scale, f"{matrix}/scale"], [f"{out}/scale"]),
            helper.make_node("MatMulInteger", [whole, f"{matrix}/int8", zero, f"{matrix}/zero"], [f"{out}/sum"]),
            helper.make_node("Cast", [f"{out}/sum"], [f"{out}/float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{out}/float", f"{out}/scale"], [out]),
        ])  # fmt: skip
        if layer:
            nodes.append(helper.make_node("Add", [out, node.input[2]], [node.output[0]]))
    return fusing.rewritten(model, nodes, added)


def concerns(model: onnx.ModelProto) -> bool:
    """Whether there is such a product."""
    weights = {tensor.name for tensor in model.graph.initializer if _large(tensor)}
    return any(_is_product(node) and node.input[1] in weights for node in model.graph.node)


def rows_of(weights: Array) -> tuple[Array, Array]:
    """(rows, columns) int8 and (rows,) float32: the nearest whole numbers, and what each row of them is times.

    >>> numbers, scales = rows_of(np.array([[0.5, -1.0], [0.0, 0.0]], np.float32))
    >>> numbers.tolist(), (scales * 127).round(3).tolist()
    ([[64, -127], [0, 0]], [1.0, 127.0])
    """
    largest = np.abs(weights).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / REACH, 1.0).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales[:, 0]


def _is_product(node: Any) -> bool:
    """A product, or a linear layer as torch's exporter writes it: x w' + b."""
    if node.op_type != "Gemm":
        return bool(node.op_type == "MatMul")
    given = {attribute.name: attribute.i or attribute.f for attribute in node.attribute}
    return len(node.input) == 3 and given == {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}


def _large(tensor: Any) -> bool:
    cells = int(np.prod(tensor.dims))
    return len(tensor.dims) == 2 and tensor.data_type == TensorProto.FLOAT and cells >= FEWEST
