"""Pieces of texts as rows of numbers: where a piece begins in its text, how probable it is, and its bytes.

    the place of its first character, or -1 where that is not known | from 0 to 1 | the bytes of the piece

So a piece goes wherever a sequence goes: a target, the output of a form, a fold that is held out. A row without a piece
has no step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luban.batch import Array, Ragged

PLACE = 2
"""Numbers before the bytes of a piece."""
UNKNOWN = -1
OUTSIDE = -10_000.0
"""What a network gives for a step of a text at which no piece can begin or end."""


def packed(texts: Sequence[str | None], begins: Sequence[int], probabilities: Sequence[float]) -> Ragged:
    """Ragged float64: a row for each piece; none where the text is None.

    >>> packed(["io", None], [4, -1], [0.5, 0.0]).values.tolist()
    [4.0, 0.5, 105.0, 111.0]
    """
    rows = [
        np.zeros(0) if text is None else np.array([begin, probability, *text.encode("utf-8", "replace")], np.float64)
        for text, begin, probability in zip(texts, begins, probabilities, strict=True)
    ]
    return Ragged.of(rows) if rows else Ragged(np.zeros(0), np.zeros(1, np.int64))


def pieces(rows: Ragged) -> Ragged:
    """Ragged uint8: the bytes of each piece; none where there is no piece.

    >>> pieces(packed(["io", None, ""], [4, -1, -1], [0.5, 0.0, 0.0])).texts()
    ['io', '', '']
    """
    if rows.values.dtype == np.uint8:
        return rows
    own = np.ones(len(rows.values), bool)
    there = np.flatnonzero(rows.lengths > 0)
    for before in range(PLACE):
        own[rows.offsets[there] + before] = False
    lengths = np.maximum(rows.lengths - PLACE, 0)
    return Ragged(rows.values[own].astype(np.uint8), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def places(rows: Ragged) -> Array:
    """(rows, 2) float64: where each piece begins, and how probable it is; -1 and 0 where there is none.

    >>> places(packed(["io", None], [4, -1], [0.5, 0.0])).tolist()
    [[4.0, 0.5], [-1.0, 0.0]]
    """
    found = np.tile([float(UNKNOWN), 0.0], (len(rows), 1))
    there = np.flatnonzero(rows.lengths > 0)
    for before in range(PLACE):
        found[there, before] = rows.values[rows.offsets[there] + before]
    return found
