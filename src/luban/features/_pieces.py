"""What all values that are cut into pieces have alike: neighbours that go together, and values that say nothing.

How the values of a data type are cut is said in its own folder; how texts are, in `_phrases`.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from luban.batch import Array
from luban.evidence.explanation import Unit
from luban.protocols import Cut

STRETCHES = 20
"""Stretches of time of a sound or of a series, at most."""


def whole(values: pl.Series) -> Cut:
    """The one piece of a value that says nothing, such as a missing one: with it and without it, all is alike."""

    def masked(stays: Array) -> pl.Series:
        return values.gather(np.zeros(len(stays), np.int64))

    return Cut((Unit(values.name, values.name),), masked)


def evenly(count: int, most: int) -> Array:
    """(groups + 1,) int64: where so many neighbours are parted, so that there are at most `most` groups of one size.

    >>> evenly(7, 3).tolist(), evenly(2, 5).tolist()
    ([0, 2, 5, 7], [0, 1, 2])
    """
    groups = max(1, min(count, most))
    return np.rint(np.linspace(0, count, groups + 1)).astype(np.int64)


def told_apart(stays: Array, edges: Array) -> Array:
    """(coalitions, members) boolean of (coalitions, groups): each member stays or goes as its group does.

    >>> told_apart(np.array([[True, False]]), np.array([0, 1, 3])).tolist()
    [[True, False, False]]
    """
    return np.repeat(stays, np.diff(edges), axis=1)


def named(what: str, first: int, behind: int) -> str:
    """What a person calls the members from `first` to the one before `behind`, which they count from 1 on.

    >>> named("step", 0, 1), named("step", 4, 8)
    ('step 1', 'steps 5 to 8')
    """
    return f"{what} {first + 1}" if behind - first == 1 else f"{what}s {first + 1} to {behind}"


def mean(values: Array) -> str:
    """The value of a stretch as text.

    >>> mean(np.array([3.0])), mean(np.array([1.0, 2.0]))
    ('3', 'mean 1.5')
    """
    return f"{values.mean():.4g}" if values.size == 1 else f"mean {values.mean():.4g}"


def shortened(text: str, most: int = 60) -> str:
    """A text on one line as the name of a piece.

    >>> shortened("one two\\nthree", 8)
    'one two…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
