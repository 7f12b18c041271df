"""ROUGE-L: how much of the reference stands in what was written, in the same order."""

from __future__ import annotations

import re

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.metrics._texts import counted
from luban.metrics._weighted import mean_of
from luban.protocols import Metric

_WORD = re.compile(r"\w+")


def longest_common(one: list[str], other: list[str]) -> int:
    """How many words stand in both in the same order, at most, by one step a word (Hyyro, 2004).

    >>> longest_common("the cat sat".split(), "the old cat".split())
    2
    """
    places: dict[str, int] = {}
    for at, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << at
    every = (1 << len(one)) - 1
    # A bit that is 0 is a place of `one` by which the common words have become one more.
    open_ = every
    for word in other:
        here = open_ & places.get(word, 0)
        open_ = (open_ + here | open_ - here) & every
    return len(one) - open_.bit_count()


def _counts(said: list[str], wanted: list[str]) -> Array:
    """(rows, 1): the F1 of each row."""
    found = []
    for text, reference in zip(said, wanted, strict=True):
        one, other = _WORD.findall(text.casefold()), _WORD.findall(reference.casefold())
        both = len(one) + len(other)
        found.append(2 * longest_common(one, other) / both if both else float(text.strip() == reference.strip()))
    return np.array(found)[:, None]


def _each(target: PerRow, answers: Answers) -> Array:
    return counted(_counts, target, answers)[:, 0]


metric = Metric(
    name="rouge-l",
    direction="higher",
    tasks=frozenset({"sequence-to-sequence"}),
    definition=(
        "The mean over rows of 2 L / (a + b), L the words of the longest common subsequence of what was written, of a "
        "words, and the reference, of b words (Lin, 2004); words are letters and digits, whatever their case."
    ),
    scores=mean_of(_each),
    each=_each,
    bounds=(0.0, 1.0),
)
