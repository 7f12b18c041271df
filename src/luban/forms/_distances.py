"""Squared Euclidean distances to stored rows, natively and as ONNX nodes: one formula, so that they stay equal."""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.protocols import Builder


def squared(rows: Array, stored: Array, lengths: Array) -> Array:
    """(rows, stored) float64, never below zero. lengths: the squared `norms` of the stored rows.

    >>> squared(np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.zeros(1)).tolist()
    [[25.0]]
    """
    given = rows.astype(np.float64)
    distances = given @ (-2.0 * stored.T)
    distances += norms(given)[:, None] + lengths
    return np.asarray(np.maximum(distances, 0.0, out=distances))


def norms(rows: Array) -> Array:
    """(rows,) squared lengths."""
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def draw(builder: Builder, rows: str, stored: Array) -> str:
    """The same as nodes; `rows` is a float64 tensor."""
    length = builder.node("MatMul", builder.node("Mul", rows, rows), builder.constant(np.ones((stored.shape[1], 1))))
    both = builder.node("Add", length, builder.constant(norms(stored)[None, :]))
    cross = builder.node("MatMul", rows, builder.constant(np.ascontiguousarray(-2.0 * stored.T)))
    return builder.node("Max", builder.node("Add", both, cross), builder.constant(np.array(0.0)))
