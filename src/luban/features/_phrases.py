"""Texts in the pieces that a person sees: words, or phrases and sentences where there are more words than pieces.

A word is what stands between white space, with its punctuation. What is written without spaces (Chinese, Japanese,
Thai, Lao, Khmer, Burmese) is cut by characters; a run of katakana is one word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from luban.batch import Array
from luban.evidence.explanation import Unit
from luban.features import _pieces
from luban.protocols import Cut, Shown

Span = tuple[int, int]
_CLOSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3041-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Characters of writing without spaces."""
# Possessive repeats: time grows with the length of a text alone.
_WORD = re.compile(rf"[^\w\s]*+(?:[\u30a1-\u30ff]++|[{_CLOSE}]|[^\s{_CLOSE}]*[^\W{_CLOSE}])[^\w\s]*+|[^\w\s]++|\S")
_ENDING = 8
"""Characters of a word that are looked at for how it ends."""
_SENTENCE = re.compile(r"[.!?…。！？]\W*$")
_PHRASE = re.compile(r"[,;:)\]，；：、）]\W*$")


def words(text: str) -> list[Span]:
    """Where each word begins, and the place behind it; between two of them is nothing but white space.

    >>> [("Not good, (really)!"[a:b]) for a, b in words("Not good, (really)!")]
    ['Not', 'good,', '(really)!']
    >>> ["质量很好。OK"[a:b] for a, b in words("质量很好。OK")]
    ['质', '量', '很', '好。', 'OK']
    """
    return [found.span() for found in _WORD.finditer(text)]


def together(text: str, spans: Sequence[Span], most: int) -> Array:
    """(pieces + 1,) int64: where the words are parted into at most so many pieces, evenly.

    Where more than two words go together, a piece ends with the nearest sentence or phrase, within half a piece.

    >>> text = "One two three four. Five six seven eight nine ten."
    >>> together(text, words(text), 2).tolist()
    [0, 4, 10]
    """
    edges = _pieces.evenly(len(spans), most)
    reach = int((len(spans) / max(len(edges) - 1, 1) - 1) // 2)
    if reach < 1:
        return edges
    for number, edge in enumerate(edges[1:-1].tolist(), start=1):
        near = range(edge - reach, edge + reach + 1)
        edges[number] = min(near, key=lambda place: (-_parting(text, spans, place), abs(place - edge)))
    return edges


def without(text: str, spans: Sequence[Span], stays: Array) -> str:
    """The text without some of its words. Between two that stay is the widest space that was between them.

    >>> without("A cat,  a dog.\\n\\nA hen.", words("A cat,  a dog.\\n\\nA hen."), np.array([1, 1, 0, 0, 1, 1], bool))
    'A cat,\\n\\nA hen.'
    """
    edges = np.flatnonzero(np.diff(stays, prepend=False, append=False)).tolist()
    parts: list[str] = []
    last = 0
    for first, behind in zip(edges[::2], edges[1::2], strict=True):
        if parts:
            spaces = pairwise(spans[last : first + 1])
            parts.append(max((text[before[1] : after[0]] for before, after in spaces), key=_width))
        begin = spans[first][0] if first else 0
        end = spans[behind - 1][1] if behind < len(spans) else len(text)
        parts.append(text[begin:end])
        last = behind - 1
    return "".join(parts)


def units(column: str, text: str, spans: Sequence[Span], edges: Array) -> tuple[Unit, ...]:
    """The pieces of a text; each is called as it is written."""
    found = []
    for first, behind in pairwise(edges.tolist()):
        begin, end = spans[first][0], spans[behind - 1][1]
        found.append(Unit(_pieces.shortened(text[begin:end]), column, place=(begin, end)))
    return tuple(found)


def cut(values: pl.Series, text: str | None, most: int) -> Cut:
    """The words of the one text in `values`, which is `text`; what has none is one piece."""
    if not text:
        return _pieces.whole(values)
    spans = words(text) or [(0, len(text))]
    edges = together(text, spans, most)

    def masked(stays: Array) -> pl.Series:
        rows = _pieces.told_apart(stays, edges)
        return pl.Series(values.name, [without(text, spans, row) for row in rows], dtype=pl.String)

    return Cut(units(values.name, text, spans, edges), masked, shown=Shown("text", text))


def _width(space: str) -> tuple[int, int]:
    return space.count("\n"), len(space)


def _parting(text: str, spans: Sequence[Span], place: int) -> int:
    """How well a text may be parted before a word: 3 where a line ends, then sentences, then phrases; else 0."""
    end, begin = spans[place - 1][1], spans[place][0]
    if "\n" in text[end:begin]:
        return 3
    word = text[max(spans[place - 1][0], end - _ENDING) : end]
    return 2 if _SENTENCE.search(word) else 1 if _PHRASE.search(word) else 0
