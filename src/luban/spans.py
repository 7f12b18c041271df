"""Pieces of texts as rows of numbers: where a piece begins in its text, how probable it is, and its bytes.

    the place of its first character, or -1 where that is not known | how probable it is, from 0 to 1
    | how probable it is that there is none | the bytes of the piece

So a piece goes wherever a sequence goes: a target, the output of a form, a fold that is held out. A row without a piece
has no step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from luban.batch import Array, Ragged

PLACE = 3
"""Numbers before the bytes of a piece."""
UNKNOWN = -1
HALF = 0.5
OUTSIDE = -10_000.0
"""What a network gives for a step of a text at which no piece can begin or end."""


def packed(
    texts: Sequence[str | None],
    begins: Sequence[int],
    probabilities: Sequence[float],
    absent: Sequence[float] | None = None,
) -> Ragged:
    """Ragged float64: a row for each piece; none where the text is None. absent: how probable it is that there is none.

    >>> packed(["io", None], [4, -1], [0.5, 0.0]).values.tolist()
    [4.0, 0.5, 0.0, 105.0, 111.0]
    """
    none = [0.0] * len(texts) if absent is None else absent
    rows = [
        np.zeros(0) if text is None else np.array([*numbers, *text.encode("utf-8", "replace")], np.float64)
        for text, *numbers in zip(texts, begins, probabilities, none, strict=True)
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
    for before in range(2):
        found[there, before] = rows.values[rows.offsets[there] + before]
    return found


def absent(rows: Ragged) -> Array:
    """(rows,) float64: the probability that there is no piece, over that of either; 0 where none says it.

    >>> absent(packed(["io", "io"], [4, 4], [0.3, 0.3], [0.1, 0.0])).round(2).tolist()
    [0.25, 0.0]
    """
    there = np.flatnonzero(rows.lengths > 0)
    found = np.zeros(len(rows))
    piece, none = (rows.values[rows.offsets[there] + place] for place in (1, 2))
    known = none > 0
    found[there[known]] = none[known] / (piece[known] + none[known])
    return found


def settled(rows: Ragged, share: float = HALF) -> Ragged:
    """The rows with nothing in the place of a piece whose `absent` lies above this share, as probable as that is.

    >>> found = settled(packed(["io", "io"], [4, 4], [0.3, 0.3], [0.4, 0.1]))
    >>> pieces(found).texts(), places(found).tolist()
    (['', 'io'], [[-1.0, 0.4], [4.0, 0.3]])
    """
    silent = absent(rows) > share
    if not silent.any():
        return rows
    values = rows.values.copy()
    begins = rows.offsets[:-1][silent]
    values[begins], values[begins + 1] = UNKNOWN, values[begins + 2]
    row = np.repeat(np.arange(len(rows)), rows.lengths)
    head = np.arange(len(values)) - rows.offsets[row] < PLACE
    lengths = np.where(silent, PLACE, rows.lengths)
    return Ragged(values[~silent[row] | head], np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def corrected(rows: Ragged, correct: Callable[[Array], Array]) -> Ragged:
    """The rows with both probabilities corrected; one of 0 stays. correct: of (probabilities,), keeps their order."""
    values = rows.values.copy()
    there = rows.offsets[:-1][rows.lengths > 0]
    for place in (there + 1, there + 2):
        own = place[values[place] > 0]
        values[own] = correct(values[own])
    return Ragged(values, rows.offsets)
