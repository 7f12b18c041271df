"""Rows in dense pieces of bounded size, whatever the inputs are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from luban.batch import Array, Inputs, matrix

CELLS = 1 << 21
"""How many numbers a piece holds at most (one row where a row alone holds more): 16 MiB as float64."""


def in_pieces(
    inputs: Inputs, width: int, output_width: int, answer: Callable[[Array], Array], *, cost: int = 0
) -> Array:
    """(rows, output_width) float64: what `answer` says to dense float32 pieces of the rows.

    cost: how many numbers `answer` needs for a row at the same time, where that is more than `width`.
    """
    check_width(inputs, width)
    rows = int(inputs.shape[0])
    size = max(1, CELLS // max(width, cost, 1))
    if rows <= size:
        return np.asarray(answer(dense(inputs)), dtype=np.float64)
    result, rows_of = np.empty((rows, output_width)), matrix(inputs)
    for start in range(0, rows, size):
        result[start : start + size] = answer(dense(rows_of[start : start + size]))
    return result


def dense(inputs: Inputs) -> Array:
    """The rows as a dense float32 array."""
    rows: Any = inputs
    rows = rows.toarray() if is_sparse(inputs) else rows
    return np.ascontiguousarray(rows, dtype=np.float32)


def is_sparse(inputs: Inputs) -> bool:
    return hasattr(inputs, "toarray")


def check_width(inputs: Inputs, width: int) -> None:
    shape = tuple(matrix(inputs).shape)
    if len(shape) != 2 or shape[1] != width:
        raise ValueError(f"a form for rows of {width} numbers was given inputs of the shape {shape}.")
