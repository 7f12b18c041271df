"""Twins: rows whose values are all equal. And whether that is a copy, or the coincidence of coarse values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array

if TYPE_CHECKING:
    import polars as pl

MOST_COLUMNS = 32
"""How many columns are left out, one at a time, to look for rows that almost agree."""


def row_keys(frame: pl.DataFrame, columns: Sequence[str]) -> Array:
    """(rows,) uint64: equal for rows that are equal in all of these columns, different otherwise.

    Missing values are equal to each other. Two different rows collide with a probability of 2**-64.

    >>> import polars as pl
    >>> keys = row_keys(pl.DataFrame({"a": [1, 1, 1], "b": ["x", "y", "x"]}), ["a", "b"])
    >>> keys[0] == keys[2], keys[0] == keys[1]
    (np.True_, np.False_)
    """
    total = np.zeros(frame.height, dtype=np.uint64)
    for place, column in enumerate(columns):
        total += _column_keys(frame, column, place)
    return total


def seen_in(keys: Array, others: Array) -> Array:
    """(rows,) boolean: whether each key is among the others."""
    return np.isin(keys, others)


def almost(frame: pl.DataFrame, others: pl.DataFrame, columns: Sequence[str]) -> Array:
    """(rows,) boolean: whether some row of `others` agrees with the row in all columns but one, and not in that one.

    Where values are coarse, many rows almost agree, so rows that agree wholly are no surprise. Copies come without
    such a crowd. Of more than `MOST_COLUMNS` columns, that many are left out, evenly spread.
    """
    found = np.zeros(frame.height, dtype=bool)
    if len(columns) < 2:
        return np.ones(frame.height, dtype=bool)
    whole, whole_others = row_keys(frame, columns), row_keys(others, columns)
    places = np.unique(np.linspace(0, len(columns) - 1, MOST_COLUMNS).astype(int))
    for place in places:
        keys = whole - _column_keys(frame, columns[place], place)
        keys_others = whole_others - _column_keys(others, columns[place], place)
        # Of the rows that agree elsewhere, one must differ here: it does where the whole keys take two values or more.
        parts, group = np.unique(np.concatenate([keys_others, keys]), return_inverse=True)
        group_others, group_rows = group[: len(keys_others)], group[len(keys_others) :]
        highest = np.zeros(len(parts), dtype=np.uint64)
        lowest = np.full(len(parts), np.iinfo(np.uint64).max, dtype=np.uint64)
        np.maximum.at(highest, group_others, whole_others)
        np.minimum.at(lowest, group_others, whole_others)
        occupied = highest[group_rows] >= lowest[group_rows]
        differs = (highest[group_rows] != whole) | (lowest[group_rows] != whole)
        found |= occupied & differs
    return found


def _column_keys(frame: pl.DataFrame, column: str, place: int) -> Array:
    return frame[column].hash(seed=place).to_numpy()
