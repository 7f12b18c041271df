"""The words and character pieces of texts, each as a 64-bit key, for many texts in one pass of numpy.

A key is a polynomial of the characters modulo 2^64. Running sums give the key of any stretch of a text at once:
with S[i] the sum of c[j] * B^j for j < i, the stretch from a to b has the key (S[b] - S[a]) * B^-a.
Of a million different pieces two share a key with a chance of 1 in 37 million; they would then count as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from luban.batch import Array

Kind = Literal["words", "characters"]

MOST_CHARACTERS = 100_000
"""So many characters of a text are read."""
LENGTHS = (2, 3, 4, 5)
"""The lengths of character pieces."""
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_PAIR = np.uint64(0xD6E8FEB86659FD93)
_SPACE = ord(" ")
_NOT_IN_WORDS = re.compile(r"\W+")


@dataclass(frozen=True)
class Pieces:
    """Where pieces are found. key, row, start, end: one entry a piece; text[start:end] is what is written there."""

    key: Array
    row: Array
    start: Array
    end: Array
    text: str


def find(texts: Sequence[str], kind: Kind) -> Pieces:
    """The pieces of texts, in lower case.

    words: stretches of at least two letters or digits, and pairs of neighbours.
    characters: stretches of `LENGTHS` characters of a word with a space on either side of it; this is what works for
        writing without spaces, and for misspelt words.
    """
    lowered = [text[:MOST_CHARACTERS].lower() for text in texts]
    if kind == "words":
        lowered = [_NOT_IN_WORDS.sub(" ", text) for text in lowered]
    padded = [f" {' '.join(text.split())} " for text in lowered]
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    row = np.repeat(np.arange(len(padded)), lengths)
    text = "".join(padded)
    codes = _codes(text)
    return (_words if kind == "words" else _characters)(text, codes, row)


def keys(terms: Sequence[str], kind: Kind) -> Array:
    """(terms,) int64: the key of each term as `find` gives it. A pair of words is written with one space."""
    if kind == "characters":
        return _keys_of(list(terms))
    halves = [term.split(" ", 1) for term in terms]
    first = _keys_of([half[0] for half in halves])
    second = _keys_of([half[-1] for half in halves])
    return np.where([len(half) == 2 for half in halves], _pair(first, second), first)


def written(piece: str, kind: Kind) -> str:
    """A piece as a term: the words of a pair may have had a single letter between them."""
    return piece if kind == "characters" else " ".join(word for word in piece.split(" ") if len(word) > 1)


def _words(text: str, codes: Array, row: Array) -> Pieces:
    outside = codes == _SPACE
    start = np.flatnonzero(outside[:-1] & ~outside[1:]) + 1
    end = np.flatnonzero(~outside[:-1] & outside[1:]) + 1
    long = end - start > 1
    start, end = start[long], end[long]
    key = _stretches(codes, start, end)
    both = np.flatnonzero(row[start[:-1]] == row[start[1:]]) if len(start) else start
    return Pieces(
        key=np.concatenate([key, _pair(key[both], key[both + 1])]),
        row=np.concatenate([row[start], row[start[both]]]),
        start=np.concatenate([start, start[both]]),
        end=np.concatenate([end, end[both + 1]]),
        text=text,
    )


def _characters(text: str, codes: Array, row: Array) -> Pieces:
    spaces = np.concatenate([[0], np.cumsum(codes == _SPACE)])
    starts, ends = [], []
    for length in LENGTHS:
        start = np.arange(len(codes) - length + 1)
        inside = spaces[start + length - 1] - spaces[start + 1]
        whole = spaces[start + length] - spaces[start]
        # No space within, and not two spaces side by side, which is where a text ends and the next begins.
        start = start[(inside == 0) & (whole < length)]
        starts.append(start)
        ends.append(start + length)
    start, end = np.concatenate(starts), np.concatenate(ends)
    return Pieces(_stretches(codes, start, end), row[start], start, end, text)


def _codes(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _keys_of(terms: list[str]) -> Array:
    lengths = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
    end = np.cumsum(lengths)
    return _stretches(_codes("".join(terms)), end - lengths, end)


def _stretches(codes: Array, start: Array, end: Array) -> Array:
    """The keys of the stretches from start to end, as int64."""
    # Neighbouring characters have neighbouring codes; multiplied they differ in all their bits.
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed * _powers(_BASE, len(codes)), dtype=np.uint64)])
    return ((sums[end] - sums[start]) * _powers(_INVERSE, len(codes) + 1)[start]).view(np.int64)


def _powers(base: int, count: int) -> Array:
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _pair(first: Array, second: Array) -> Array:
    return (first.view(np.uint64) * _PAIR + second.view(np.uint64)).view(np.int64)
