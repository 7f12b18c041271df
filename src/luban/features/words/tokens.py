"""The tokens of words, as a tokenizer that was given cuts them within a text: what a pretrained encoder knows of them.

A word is cut with another one before it, so a tokenizer that writes spaces into its tokens writes one into its first. A
word of which nothing is left, such as an empty one or a sign that is dropped, is the token of the unknown. Of a word
of more than `MOST` tokens the first ones are read: its state is that of the first (Devlin et al., 2019, 5.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import BundleError
from luban.features import _given as given
from luban.features import _kept_whole
from luban.features._learning import is_whole, spread_out
from luban.protocols import State
from luban.recipe.recipe import Features

MOST = 8
"""Tokens of a word."""
HOW_MANY, EACH = "tokens", "each"
"""What their number is called in a state, of a word and on average in a row."""
LEARNED_FROM = 2_000
"""Rows that say how many tokens a word has on average."""
UNKNOWN = _kept_whole.MARKS.index("[UNK]")
_BEFORE = "a"
"""The word that stands before each."""
_LONGEST_TOKEN = 16
"""Characters of a token, about: so the first so many times `MOST` of a word are enough."""


def learned(rows: pl.Series, settings: Features, column: str) -> State:
    """The tokenizer that the recipe gives, and how many tokens the words of these rows have: at most, 1 to `MOST`, and
    on average in all but one row of a hundred, rounded up.

    rows: List(String). Raises UsageError for a tokenizer that is none, or that does not know these words.
    """
    words = rows.explode(empty_as_null=False).drop_nulls().unique(maintain_order=True).to_list()
    kept = _kept_whole.taken(words, settings, column)
    counts = {word: min(max(len(each), 1), MOST) for word, each in zip(words, _cut(words, kept), strict=True)}
    some = [row for row in spread_out(rows, LEARNED_FROM).to_list() if row]
    means = sorted(sum(counts[word] for word in row) / len(row) for row in some) or [1.0]
    each = math.ceil(means[math.ceil(0.99 * len(means)) - 1])
    return State({HOW_MANY: max(counts.values(), default=1), EACH: each, **kept.values}, kept.arrays)


def encode(words: Sequence[str], state: State) -> Array:
    """(words, tokens) int32: of each word the numbers of its tokens, behind the marks; 0 where it has fewer."""
    found = np.zeros((len(words), state.values[HOW_MANY]), np.int32)
    for line, numbers in zip(found, _cut(words, state), strict=True):
        own = [number + len(_kept_whole.MARKS) for number in numbers[: len(line)]] or [UNKNOWN]
        line[: len(own)] = own
    return found


def size(state: State) -> tuple[int, int, int]:
    """How many numbers tokens can have, and how many of them a word has: at most, and on average in a row."""
    return _kept_whole.size(state), state.values[HOW_MANY], state.values[EACH]


def check(state: State) -> None:
    """Raises BundleError for what `learned` never gives."""
    if not is_whole(state.values.get(HOW_MANY), 1, MOST):
        raise BundleError(f"words have 1 to {MOST} tokens.")
    if not is_whole(state.values.get(EACH), 1, state.values[HOW_MANY]):
        raise BundleError("words have no more tokens on average than at most.")
    _kept_whole.check(state)


def _cut(words: Sequence[str], state: State) -> list[list[int]]:
    """The tokenizer's own numbers of each word within a text."""
    cutter = _kept_whole.opened(state).tokenizer
    short = [word[: MOST * _LONGEST_TOKEN] for word in words]
    with _kept_whole.one_thread():
        beside = given.cut(cutter, [f"{_BEFORE} {word}" for word in short], places=True)
        found = [
            [number for number, (start, _) in zip(each.ids, each.offsets, strict=True) if start >= len(_BEFORE)]
            for each in beside
        ]
        # What does not cut at spaces has one token for both.
        alone = [place for place, numbers in enumerate(found) if not numbers and short[place]]
        for place, each in zip(alone, given.cut(cutter, [short[place] for place in alone]), strict=True):
            found[place] = list(each.ids)
    return found
