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


def to_torch(inputs: Inputs, rows: Array | slice | None = None) -> dict[str, Tensor]:
    """The tensors of these rows, or of all, by name.

    Tokens become int64, and `<name>.lengths` (rows,) int64 says how much of each padded row is its own.

    >>> words = Tensors({"notes": Ragged.of([np.array([7], np.int32), np.array([8, 9], np.int32)])})
    >>> to_torch(words)["notes"].tolist(), to_torch(words)["notes.lengths"].tolist()
    ([[7, 0], [8, 9]], [1, 2])
    """
    import torch

    found = {}
    for name, part in parts(inputs).items():
        if isinstance(part, Ragged):
            few = part if rows is None else part[np.arange(len(part))[rows] if isinstance(rows, slice) else rows]
            padded = few.padded()
            found[name] = torch.from_numpy(padded.astype(np.int64) if padded.dtype == np.int32 else padded)
            found[name + LENGTHS] = torch.from_numpy(few.lengths)
        else:
            # A copy where it was no selection: torch must not write into a memory map.
            values = np.array(part) if rows is None else np.array(part[rows]) if isinstance(rows, slice) else part[rows]
            found[name] = torch.from_numpy(values)
    return found
