"""Rows as torch takes them: the tensors of some rows by name, ragged parts padded, with their lengths beside.

Training, answering and export all come through here, so a network sees the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array, Inputs, Ragged, Tensors

if TYPE_CHECKING:
    from torch import Tensor

TABLE = "table"
"""The name of the part that holds the matrix of all columns without a tensor of their own."""
LENGTHS = ".lengths"
"""Behind the name of a ragged part: where its lengths are."""
OWN = ".own"
"""Behind the name of a part that is read: it is in the tokens that are written."""
WRITTEN = ".written"
"""Behind the name of a part that is read: the tokens that were written so far, each row begun by START."""

SPREAD, SPREAD_STEPS = 1.25, 4
"""How many times as long as the shortest row of a piece the longest may be, and by how many steps besides."""
PIECE, MASK = 8, 0.02
"""What a piece costs besides its steps, as so many steps, and the share that a mask adds: measured on an encoder."""


def parts(inputs: Inputs) -> Mapping[str, Array | Ragged]:
    """The parts by name; a matrix is one part."""
    if isinstance(inputs, Tensors):
        return inputs.parts
    if not isinstance(inputs, np.ndarray):
        raise TypeError("a network takes no sparse matrix; it reads texts as tokens.")
    return {TABLE: inputs}


def lengths(inputs: Inputs) -> Array | None:
    """(rows,) the steps of each row over all ragged parts together; None where every row has the same size."""
    ragged = [part.lengths for part in parts(inputs).values() if isinstance(part, Ragged)]
    return np.asarray(sum(ragged)) if ragged else None


def answered(inputs: Inputs) -> Array:
    """(rows,) how many steps of each row are answered, of the one part that has steps.

    A row must have a step to be read; one of which nothing is there has one of zeros, and no answer.

    >>> words = Tensors({"text": Ragged.of([np.array([[7, 8]], np.int32), np.array([[0, 0]], np.int32)])})
    >>> answered(words).tolist()
    [1, 0]
    """
    (part,) = [part for part in parts(inputs).values() if isinstance(part, Ragged)]
    lengths = part.lengths
    if part.values.ndim != 2 or part.values.dtype != np.int32:
        return lengths
    first = part.values[part.offsets[:-1]]
    return np.where(first.any(axis=1), lengths, 0)


def unpadded(steps: Array, lengths: Array) -> Ragged:
    """The own steps of each row of (rows, steps, ...).

    >>> unpadded(np.array([[[1], [2]], [[3], [0]]]), np.array([2, 1])).values.tolist()
    [[1], [2], [3]]
    """
    own = np.arange(steps.shape[1]) < lengths[:, None]
    return Ragged(steps[own], np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def pieces(order: Array, lengths: Array, most: int) -> list[Array]:
    """Rows, ordered by length, in pieces of at most `most` steps when padded, which together cost little.

    A piece costs its steps, somewhat more where it needs a mask, and what each piece costs (`PIECE`, `MASK`); the sum
    is the least there is, but for what masks may add. A piece has at least one row, and its longest row has at most a
    quarter, and four steps, more than its shortest.

    >>> [piece.tolist() for piece in pieces(np.array([2, 0, 1, 3]), np.array([9, 20, 8, 21]), 42)]
    [[2, 0], [1, 3]]
    """
    sizes, counts = np.unique(lengths[order], return_counts=True)
    ends, rows = np.cumsum(counts), len(order)
    fit = np.maximum(most // np.maximum(sizes, 1), 1)
    least, begins = np.full(rows + 1, np.inf), np.zeros(rows + 1, np.int64)
    least[0] = 0.0
    for first in range(rows):
        if np.isinf(least[first]):
            continue
        shortest = int(np.searchsorted(ends, first, side="right"))
        longest = int(np.searchsorted(sizes, sizes[shortest] * SPREAD + SPREAD_STEPS, side="right"))
        if ends[shortest] - first >= fit[shortest]:
            # Nothing is padded or masked in a full piece of equal rows.
            longest = shortest + 1
        # A piece ends with the last row of a length, or where it is full: one row more is left to no other for less.
        last = np.minimum(ends[shortest:longest], first + fit[shortest:longest])
        holds = last > np.append(first, ends[shortest : longest - 1])
        last, steps = last[holds], sizes[shortest:longest][holds]
        cost = (last - first) * steps * np.where(steps > sizes[shortest], 1.0 + MASK, 1.0) + least[first] + PIECE
        better = cost < least[last]
        least[last[better]], begins[last[better]] = cost[better], first
    found, end = [], rows
    while end:
        found.append(order[begins[end] : end])
        end = int(begins[end])
    return found[::-1]


def to_numpy(inputs: Inputs, rows: Array) -> dict[str, Array]:
    """The tensors of these rows by name, as arrays: what an ONNX graph takes.

    Tokens become int64, and `<name>.lengths` (rows,) int64 says how much of each padded row is its own.

    >>> words = Tensors({"notes": Ragged.of([np.array([7], np.int32), np.array([8, 9], np.int32)])})
    >>> found = to_numpy(words, np.array([0, 1]))
    >>> found["notes"].tolist(), found["notes.lengths"].tolist()
    ([[7, 0], [8, 9]], [1, 2])
    """
    found = {}
    for name, part in parts(inputs).items():
        if isinstance(part, Ragged):
            few = part[rows]
            padded = few.padded()
            found[name] = padded.astype(np.int64) if padded.dtype == np.int32 else padded
            found[name + LENGTHS] = few.lengths
        else:
            found[name] = part[rows]
    return found


def to_torch(inputs: Inputs, rows: Array) -> dict[str, Tensor]:
    """The same as torch's tensors, which share the memory of the arrays."""
    import torch

    return {name: torch.from_numpy(values) for name, values in to_numpy(inputs, rows).items()}
