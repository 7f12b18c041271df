"""Texts that are read letter by letter, each letter a byte: what they say, and the pieces by which they are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, Ragged
from luban.core import registry

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ORDERS = (2, 3, 4)
"""Letters of a piece; the start and the end of a text count as letters."""
BUCKETS = 1 << 18
"""Places that pieces are hashed to: texts of a few million letters have hardly two pieces at one place."""
_START, _END = 256, 257
_MULTIPLIER, _SPREAD = np.uint64(1_099_511_628_211), np.uint64(0x9E3779B97F4A7C15)
_FOLD, _KEPT = np.uint64(29), np.uint64(64 - 18)


def texts(inputs: Inputs) -> Ragged:
    """Ragged uint8: the bytes of what is read in each row, without margins."""
    (rows,) = [part for part in collate.parts(inputs).values() if isinstance(part, Ragged)]
    spelled: Ragged = registry.find("features", "text").tensor.bytes_of(rows)
    return Ragged.of_texts([text.strip() for text in spelled.texts()])


def pieces(rows: Ragged) -> csr_matrix:
    """(rows, BUCKETS) float64: 1 for each piece that a text has, capital letters of ASCII taken for small ones.

    rows: Ragged uint8.
    """
    from scipy.sparse import csr_matrix

    values, row = _marked(rows)
    keys = []
    for order in ORDERS:
        count = max(len(values) - order + 1, 0)
        within = row[:count] == row[order - 1 : order - 1 + count]
        hashed = np.full(count, order, np.uint64)
        for place in range(order):
            hashed = (hashed ^ values[place : place + count]) * _MULTIPLIER
        bucket = ((hashed ^ (hashed >> _FOLD)) * _SPREAD) >> _KEPT
        keys.append(row[:count][within] * BUCKETS + bucket[within].astype(np.int64))
    # Sorted, equal keys lie side by side: less work than looking for them by a hash.
    found = np.sort(np.concatenate(keys))
    found = found[np.diff(found, prepend=-1) > 0]
    offsets = np.searchsorted(found, np.arange(len(rows) + 1) * BUCKETS)
    return csr_matrix((np.ones(len(found)), found % BUCKETS, offsets), shape=(len(rows), BUCKETS))


def _marked(rows: Ragged) -> tuple[Array, Array]:
    """The letters of all texts between their marks, as uint64, and the row of each."""
    values = rows.values[rows.offsets[0] : rows.offsets[-1]].astype(np.int64)
    values = np.where((values >= ord("A")) & (values <= ord("Z")), values + 32, values)
    row = np.repeat(np.arange(len(rows)), rows.lengths)
    marked = np.full(len(values) + 2 * len(rows), _START, np.uint64)
    marked[np.arange(len(values)) + 2 * row + 1] = values
    marked[np.cumsum(rows.lengths + 2) - 1] = _END
    return marked, np.repeat(np.arange(len(rows)), rows.lengths + 2)
