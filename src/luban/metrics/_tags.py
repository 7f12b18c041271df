"""What is counted of the tags of each row, once for any number of weightings; and the spans that tags mark.

Tags of spans are written `B-TYPE` for the first word of one, `I-TYPE` for those that follow, and `O` for words of none
(IOB2, Ratnaparkhi 1998; in the older IOB1 a span begins with `B` only where one of its type ends before it). `E` and
`S` for the last and the only word of a span are known too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, ragged

Counts = Callable[[Array, Array, Array, int, tuple[str, ...]], Array]
"""`counts(target, said, row, rows, names)`: (rows, numbers) of (steps,) codes and the row of each."""
_MARKS = "OBIES"
UNKNOWN = -1
"""The code of a tag that is not among the names."""


def counted(counts: Counts, target: PerRow, answers: Answers) -> Array:
    """(rows, numbers) what is counted of each row; remembered, for a bootstrap asks again and again."""
    return _counted(counts, ragged(target), ragged(answers.prediction), answers.names)


@functools.lru_cache(maxsize=8)
def _counted(counts: Counts, target: Ragged, said: Ragged, names: tuple[str, ...]) -> Array:
    # Ragged rows are equal only to themselves, so nothing is ever mistaken for something else.
    row = np.repeat(np.arange(len(target)), target.lengths)
    wanted = target.values[target.offsets[0] : target.offsets[-1]]
    return np.asarray(counts(wanted, _as_long(said, target, row), row, len(target), names), np.float64)


def _as_long(said: Ragged, target: Ragged, row: Array) -> Array:
    """(words,) the answer to each word. Where a row has other than as many they come round again: an interval may ask
    what the answers to another row are worth.
    """
    if np.array_equal(said.lengths, target.lengths):
        return said.values[said.offsets[0] : said.offsets[-1]]
    place = np.arange(len(row)) - np.repeat(np.cumsum(target.lengths) - target.lengths, target.lengths)
    answers = said.values[
        np.minimum(said.offsets[row] + place % np.maximum(said.lengths[row], 1), len(said.values) - 1)
    ]
    return np.where(said.lengths[row] > 0, answers, UNKNOWN)


def of_spans(names: tuple[str, ...]) -> bool:
    """Whether tags mark spans: each is `O`, or a mark, a hyphen and a type; and some are no `O`.

    >>> of_spans(("B-LOC", "I-LOC", "O")), of_spans(("NOUN", "VERB")), of_spans(("O",))
    (True, False, False)
    """
    return any(name != "O" for name in names) and all(name == "O" or _is_span(name) for name in names)


def _is_span(name: str) -> bool:
    return name[:1] in _MARKS[1:] and name[1:2] == "-" and len(name) > 2


@dataclass(frozen=True)
class Spans:
    """Spans in the order of the words. begin, end: (spans,) first word, and the one behind the last. kind: of each."""

    begin: Array
    end: Array
    kind: Array


def spans(codes: Array, row: Array, names: tuple[str, ...]) -> Spans:
    """The spans that (steps,) codes of tags mark, as conlleval of CoNLL-2003 reads them (Tjong Kim Sang, 2003).

    One begins at a word that is none of `O` and is marked `B` or `S`, or whose neighbour before it is `O`, is the last
    of a span, or is of another type; so what is marked wrongly is still read. Neighbouring words with tags that are not
    among `names` are one span, of a type of its own.

    >>> tags = ("B-LOC", "I-LOC", "O")
    >>> found = spans(np.array([0, 1, 2, 1]), np.zeros(4, np.int64), tags)
    >>> found.begin.tolist(), found.end.tolist()
    ([0, 3], [2, 4])
    """
    marks = np.array([*("O" if name == "O" else name[0] for name in names), "I"])[codes]
    types = {kind: number for number, kind in enumerate(dict.fromkeys(name[2:] for name in names if name != "O"))}
    kinds = np.array([*(types.get(name[2:], UNKNOWN) for name in names), len(types)])[codes]
    inside = marks != "O"
    follows = np.concatenate([[False], (row[1:] == row[:-1]) & inside[:-1]])[: len(codes)]
    before, kind_before = np.roll(marks, 1), np.roll(kinds, 1)
    ended = ~follows | np.isin(before, ("E", "S")) | (kind_before != kinds) | np.isin(marks, ("B", "S"))
    begins = inside & ended
    begin = np.flatnonzero(begins)
    # A span ends where the next one begins, or a word is outside, or the row ends.
    stops = np.append(np.flatnonzero(begins | ~inside | np.concatenate([[True], row[1:] != row[:-1]])[: len(codes)]),
                      len(codes))  # fmt: skip
    return Spans(begin, stops[np.searchsorted(stops, begin, side="right")], kinds[begin])
