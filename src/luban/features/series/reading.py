"""The steps of series, whichever way a table stores them, and why a value is no series.

0.1 0.2 0.3        text: numbers with spaces, commas or semicolons between them, brackets around them or not
[0.1, 0.2]         a list, or an array: one channel
[[1, 5], [2, 6]]   a list of lists, or an array of two axes: steps, each with a number for every channel
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Array

LARGEST = 1e15
"""Where values stop, either way: their squares still add up within float64, and they fit float32."""
_NO_VALUE = ("", "?", "NA", "N/A", "NaN", "nan", "null", "None")


@dataclass(frozen=True)
class Steps:
    """The rows of a column. values: (all steps together, channels) float64, NaN where a value is missing.

    lengths: (rows,) int64; 0 where there is no series. problems: (rows,) why not, in words, where a value is there.
    """

    values: Array
    lengths: Array
    problems: list[str | None]


def steps(values: pl.Series, channels: int | None = None) -> Steps:
    """What the rows hold. channels: how many there must be; None for what most rows have."""
    kind = values.dtype
    if kind == pl.String:
        return _texts(values, channels)
    lists = _lists(values) if isinstance(kind, pl.List | pl.Array) else None
    if lists is None:
        reason = f"values of the type {kind!s:.60} are no series of numbers"
        problems = [reason if there else None for there in values.is_not_null().to_list()]
        return Steps(np.zeros((0, channels or 1)), np.zeros(len(values), np.int64), problems)
    if isinstance(lists.dtype.inner, pl.List):  # type: ignore[attr-defined]
        return _several(lists, channels)
    return _one(lists, [None] * len(lists), channels)


def _lists(values: pl.Series) -> pl.Series | None:
    """The values as lists of decimals, or as lists of such lists; None where they hold anything else."""
    depth, inner = 0, values.dtype
    while isinstance(inner, pl.List | pl.Array):
        depth, inner = depth + 1, inner.inner  # type: ignore[assignment]
    if depth > 2 or not (inner.is_numeric() or inner in (pl.Boolean, pl.Null)):
        return None
    wanted: Any = pl.List(pl.Float64)
    return values.cast(wanted if depth == 1 else pl.List(wanted))


def _texts(values: pl.Series, channels: int | None) -> Steps:
    plain = values.str.strip_chars(" \t\r\n[]()").str.replace_all(r"[\s,;]+", " ")
    words = plain.str.split(" ")
    each = pl.element()
    numbers = words.list.eval(each.cast(pl.Float64, strict=False))
    # What is neither a number nor stands for none.
    odd = words.list.eval(each.filter(each.cast(pl.Float64, strict=False).is_null() & ~each.is_in(_NO_VALUE)))
    first = odd.list.first()
    problems = [None if word is None else f"{word[:40]!r} is not a number" for word in first.to_list()]
    empty = (plain == "").fill_null(False)
    good = first.is_null() & ~empty
    return _one(numbers.set(~good, None) if not good.all() else numbers, problems, channels)


def _one(lists: pl.Series, problems: list[str | None], channels: int | None) -> Steps:
    if channels is not None and channels > 1:
        for row in np.flatnonzero(lists.list.len().fill_null(0).to_numpy()):
            problems[row] = problems[row] or _unequal(1, 1, channels)
        return Steps(np.zeros((0, channels)), np.zeros(len(lists), np.int64), problems)
    lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    return Steps(_numbers(lists.filter(pl.Series(lengths > 0)).explode())[:, None], lengths, problems)


def _several(lists: pl.Series, channels: int | None) -> Steps:
    lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    inner = lists.filter(pl.Series(lengths > 0)).explode()
    # A step that is missing as a whole is one of missing values, as many as the others have.
    sizes = inner.list.len().fill_null(0).to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(lists)), lengths)
    if channels is None:
        channels = _commonest(sizes, row)
    wrong = (sizes != channels) & (sizes > 0)
    problems: list[str | None] = [None] * len(lists)
    first_step = np.cumsum(lengths) - lengths
    bad_rows, places = np.unique(row[wrong], return_index=True)
    for bad, place in zip(bad_rows.tolist(), np.flatnonzero(wrong)[places].tolist(), strict=True):
        problems[bad] = _unequal(place - int(first_step[bad]) + 1, int(sizes[place]), channels)
    kept = ~np.isin(row, bad_rows)
    lengths[bad_rows] = 0
    out = np.full((int(kept.sum()), channels), np.nan)
    there = kept & (sizes == channels)
    out[there[kept]] = _numbers(inner.filter(pl.Series(there)).explode()).reshape(-1, channels)
    return Steps(out, lengths, problems)


def _commonest(sizes: Array, row: Array) -> int:
    """The number of channels that most rows have in their first step; the smaller one of two."""
    known = sizes > 0
    firsts = sizes[known][np.unique(row[known], return_index=True)[1]]
    return int(np.bincount(firsts).argmax()) if len(firsts) else 1


def _unequal(step: int, size: int, channels: int) -> str:
    numbers = "number" if size == 1 else "numbers"
    return f"step {step} has {size} {numbers}, and the series of this column have {channels} channels"


def _numbers(values: pl.Series) -> Array:
    """float64, NaN where there is none."""
    numbers = values.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    numbers[~np.isfinite(numbers)] = np.nan
    return np.clip(numbers, -LARGEST, LARGEST)
