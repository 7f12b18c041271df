"""Rows of a table that may be larger than memory: some of them by number, or all of them slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from luban.batch import Array

SLICE = 65_536


def take(frame: pl.LazyFrame, rows: Array, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of these numbers, in their order; a number may come twice. Memory holds a slice and the result.

    >>> take(pl.LazyFrame({"x": [10, 11, 12]}), np.array([2, 0])).to_series().to_list()
    [12, 10]
    """
    ascending, places = np.unique(np.asarray(rows, dtype=np.int64), return_inverse=True)
    found, first = [], 0
    for part in slices(frame, columns):
        low, high = np.searchsorted(ascending, (first, first + part.height))
        if high - low == part.height:
            found.append(part)
        elif high > low:
            found.append(part[ascending[low:high] - first])
        first += part.height
        if high == len(ascending):
            break
    if not found:
        return frame.select(columns or pl.all()).head(0).collect()
    together = pl.concat(found)
    in_order = len(places) == together.height and bool((places == np.arange(len(places))).all())
    return together if in_order else together[places]


def slices(frame: pl.LazyFrame, columns: Sequence[str] | None = None, size: int = SLICE) -> Iterator[pl.DataFrame]:
    """All rows in their order, at most `size` of them at a time. Memory holds one slice, however long the table is."""
    chosen = frame if columns is None else frame.select(columns)
    rows = count(frame)
    # One query a slice: an engine that streams reads ahead, and holds more the longer the table is.
    for first in range(0, rows, size):
        yield chosen.slice(first, size).collect()


def count(frame: pl.LazyFrame) -> int:
    """How many rows there are."""
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def sampled(rows: Array, most: int, seed: int) -> Array:
    """At most this many of the row numbers, in their order; the same ones for the same seed.

    >>> sampled(np.arange(3), 5, seed=0).tolist(), len(sampled(np.arange(100), 5, seed=0))
    ([0, 1, 2], 5)
    """
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
