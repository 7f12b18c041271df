"""Words as networks see them: each is a step of nine numbers, which are looked up in one table.

    its own number    1 for a word that no training row has; 2 and on, the commonest words first
    its pieces        the first one, two and three characters, the last one to four, and its outline

What a step is, is the sum of the nine vectors. So a word that is not known is told by how it begins and ends and by its
outline (`Xx` of "Ulm", `d-d` of "2024-25"), as Bojanowski et al. (2017) do it with all pieces of a word. Pieces have no
list of their own: each falls by its checksum into one of `BUCKETS` lines of the table (Weinberger et al., 2009), and
the few that share one are told apart by the others.

Where a tokenizer is given, the numbers of the word's tokens stand behind the nine (`tokens`): those are for the
encoder that was pretrained with it, and no other network reads them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import groupby
from typing import final

import numpy as np
import polars as pl

from luban.batch import Array, Ragged
from luban.core.errors import BundleError
from luban.features import _given, _kept_whole
from luban.features._learning import is_whole
from luban.features.words import tokens
from luban.features.words.cutting import cut
from luban.protocols import Shape, State
from luban.recipe.recipe import Features

UNKNOWN, FIRST = 1, 2
"""The number of a word that no training row has, and that of the commonest word; 0 pads."""
BEGINNINGS, ENDINGS = (1, 2, 3), (1, 2, 3, 4)
"""Characters of the pieces."""
NUMBERS = 1 + len(BEGINNINGS) + len(ENDINGS) + 1
BUCKETS = 8_192
MOST_WORDS = 200_000
LONGEST = 1_000_000
"""Words of a row at most, as a shape states it; a longer row is read whole all the same."""
_MOST_CHARACTERS = 64
"""Of a word that its outline is made of."""


@final
class Steps:
    """The words of a column."""

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The words of the training rows, at most `words`, the commonest first; and how many the longest row has.

        The tokenizer as well, where one is given. Raises UsageError for one that is none, or does not know the words.
        """
        lists = cut(values)
        words = lists.explode(empty_as_null=False).drop_nulls() if len(lists) else pl.Series([], dtype=pl.String)
        counted = words.rename("word").value_counts().sort(["count", "word"], descending=[True, False])
        longest = int(lists.list.len().max() or 1)  # type: ignore[arg-type]
        # Where there is no word at all, the one that no text has stands for them.
        known = counted["word"].head(settings.words).to_list() or [""]
        state = State({"longest": min(max(longest, 1), LONGEST), "words": known})
        if not _given.is_place(settings):
            return state
        kept = tokens.learned(lists, settings, values.name)
        return State({**state.values, **kept.values}, kept.arrays)

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged int32 (words of all rows, 9 and tokens). A row without a word has one step of zeros."""
        lists = cut(values).fill_null(pl.Series([[]], dtype=pl.List(pl.String)))
        lengths = lists.list.len().to_numpy().astype(np.int64)
        words = lists.explode(empty_as_null=False)
        different = words.unique(maintain_order=True)
        known = {word: number for number, word in enumerate(state.values["words"], start=FIRST)}
        pieces_from = FIRST + len(known)
        table = np.zeros((len(different), NUMBERS), np.int32)
        for place, word in enumerate(different):
            table[place, 0] = known.get(word, UNKNOWN)
            table[place, 1:] = [0 if piece is None else pieces_from + bucket(piece) for piece in pieces(word)]
        if _kept_whole.is_kept(state):
            table = np.concatenate([table, tokens.encode(different.to_list(), state)], axis=1)
        found = np.zeros((int(np.maximum(lengths, 1).sum()), table.shape[1]), np.int32)
        offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))])
        if len(words):
            place_of = dict(zip(different.to_list(), range(len(different)), strict=True))
            there = np.ones(len(found), bool)
            there[offsets[:-1][lengths == 0]] = False
            found[there] = table[words.replace_strict(place_of, return_dtype=pl.Int64).to_numpy()]
        return Ragged(found, offsets)

    def shape(self, state: State) -> Shape:
        size = FIRST + len(state.values["words"]) + BUCKETS
        behind = tokens.size(state) if _kept_whole.is_kept(state) else ()
        return Shape("words", (size, NUMBERS, *behind), longest=state.values["longest"])

    def check(self, state: State) -> None:
        kept = _kept_whole.is_kept(state)
        behind = {tokens.HOW_MANY, tokens.EACH, _kept_whole.SHA256} if kept else set()
        if set(state.values) != {"longest", "words"} | behind or len(state.arrays) != kept or state.parts:
            raise BundleError("a column of words must hold its words and the longest row, and may hold a tokenizer.")
        if kept:
            tokens.check(state)
        words = state.values["words"]
        if not is_whole(state.values["longest"], 1, LONGEST):
            raise BundleError("the longest row of a column of words must be a whole number from 1 on.")
        if (
            not isinstance(words, list)
            or not 1 <= len(words) <= MOST_WORDS
            or not all(isinstance(word, str) for word in words)
        ):
            raise BundleError("the words of a column must be a list of texts.")
        if len(set(words)) < len(words):
            raise BundleError("the words of a column must differ.")


def pieces(word: str) -> Iterator[str | None]:
    """The pieces of a word, each with its sort in front; None for one that the word is too short for.

    >>> [piece for piece in pieces("Ulm") if piece]
    ['<1u', '<2ul', '<3ulm', '>1m', '>2lm', '>3ulm', '=Xx']
    """
    lower = word.lower()
    yield from (f"<{size}{lower[:size]}" if len(lower) >= size else None for size in BEGINNINGS)
    yield from (f">{size}{lower[-size:]}" if len(lower) >= size else None for size in ENDINGS)
    yield f"={outline(word)}"


def outline(word: str) -> str:
    """Capitals as X, small letters as x, other letters as c, digits as d, signs as they are; each run once.

    >>> outline("Ulm"), outline("2024-25"), outline("天气")
    ('Xx', 'd-d', 'c')
    """
    return "".join(sign for sign, _ in groupby(_sign(character) for character in word[:_MOST_CHARACTERS]))


def bucket(piece: str) -> int:
    """The line of the table of pieces that a piece falls into, in [0, BUCKETS)."""
    return zlib.crc32(piece.encode("utf-8", "replace")) % BUCKETS


def _sign(character: str) -> str:
    if character.isdigit():
        return "d"
    if not character.isalpha():
        return character
    return "X" if character.isupper() else "x" if character.islower() else "c"


def words_of(shape: Shape) -> int:
    """How many numbers of their own words can have, 0 and the unknown one among them.

    >>> words_of(Shape("words", (BUCKETS + 10, NUMBERS)))
    10
    """
    return shape.size[0] - BUCKETS


def own_numbers(values: Array) -> Array:
    """(steps,) the own number of the word of each step. values: (steps, 9)."""
    return values[:, 0]
