"""How the answers of a model follow columns over many rows: partial dependence, single rows, pairs of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.evidence import intervals
from luban.evidence.overview import Dependence, Interaction

if TYPE_CHECKING:
    import polars as pl

    Score = Callable[[pl.DataFrame], Array]
    """(rows,) float64 of rows as the preprocessor reads them."""

GRID = 20
"""Values of a number at which the answer is asked for, at most: quantiles, as rows have them."""
CATEGORIES = 10
"""Values of a category, at most: the most frequent."""
CURVES = 25
"""Rows whose own curve is told, at most, evenly spaced by their mean answer."""
POINTS = 60
"""Rows by which pairs of columns are judged: each is put at the place of each other."""
_ROUNDED = 1e-12
"""Of the variance of what a pair does: below it nothing but rounding is no sum."""
_FLAT = 1e-9
"""Of the variance of all answers: what the rounding of a model may do."""


def dependence(score: Score, frame: pl.DataFrame, column: str, places: Array | None) -> Dependence | str:
    """The partial dependence of a column over the rows of `frame`; or why there is none, in words.

    places: (rows,) where the values lie on a line, NaN where they do not; None where values are names.

    >>> import polars as pl
    >>> rows = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 0.0, 6.0]})
    >>> told = dependence(lambda rows: (rows["a"] * 2 + rows["b"]).to_numpy(), rows, "a", rows["a"].to_numpy())
    >>> told.grid, told.mean
    ((1.0, 2.0, 3.0), (4.0, 6.0, 8.0))
    """
    import polars as pl

    values = frame[column]
    grid, at = _frequent(values) if places is None else _quantiles(values, places)
    if len(grid) < 2:
        shown = f"the value {grid[0]}" if len(grid) else "no value"
        return f"these rows all have {shown} there, so nothing follows it"
    rows = len(frame)
    repeated = frame[np.tile(np.arange(rows), len(grid))]
    set_to = grid.gather(np.repeat(np.arange(len(grid)), rows)).alias(column)
    found = score(repeated.with_columns(set_to)).reshape(len(grid), rows)
    mean = found.mean(axis=1)
    half = intervals.student(rows - 1) * found.std(axis=1, ddof=1) / np.sqrt(rows) if rows > 1 else np.zeros(len(grid))
    chosen = np.argsort(found.mean(axis=0), kind="stable")
    chosen = chosen[np.linspace(0, rows - 1, min(rows, CURVES)).round().astype(int)]
    low, high = np.quantile(found, (0.1, 0.9), axis=1)
    return Dependence(
        column=column,
        kind="category" if places is None else "number",
        grid=tuple(grid.to_list() if grid.dtype.is_numeric() or grid.dtype == pl.Boolean else map(str, grid)),
        at=tuple(at.tolist()),
        share=tuple(_shares(values, grid, at, places).tolist()),
        mean=tuple(mean.tolist()),
        low=tuple((mean - half).tolist()),
        high=tuple((mean + half).tolist()),
        inner=(tuple(low.tolist()), tuple(high.tolist())),
        curves=tuple(tuple(each) for each in found.T[chosen].tolist()),
    )


def interactions(score: Score, frame: pl.DataFrame, columns: Sequence[str], *, seed: int = 0) -> list[Interaction]:
    """Friedman's H squared of each pair of the columns (Friedman and Popescu, arXiv 0811.1679), the strongest first.

    Of more rows than `POINTS` so many are drawn. The intervals are those of a bootstrap of the rows, which stand on
    both sides: as the values that columns take, and as the rest of a row.
    """
    rows = len(frame)
    if rows < 2 or len(columns) < 2:
        return []
    random = np.random.default_rng(derive(seed, "interactions"))
    frame = frame[np.sort(random.choice(rows, min(rows, POINTS), replace=False))]
    alone = {column: _crossed(score, frame, [column]) for column in columns}
    found = []
    for first, second in combinations(columns, 2):
        both = _crossed(score, frame, [first, second])

        def parts(counts: Array, *, one: Array = alone[first], two: Array = alone[second], both: Array = both) -> Any:
            return _parts(counts, one, two, both)

        def share(counts: Array, *, parts: Callable[[Array], Any] = parts, flat: float = _FLAT * both.var()) -> Array:
            apart, whole = parts(counts)
            apart = np.where(apart > _ROUNDED * whole, apart, 0.0)
            return np.asarray(np.divide(apart, whole, out=np.zeros_like(apart), where=whole > flat))

        once = np.ones((1, len(frame)))
        value = float(share(once)[0])
        ends = intervals.bca(share, len(frame), seed=derive(seed, "interaction", first, second))
        low, high = min(ends.low, value), max(ends.high, value)
        if high <= low:
            high = value + intervals.unseen(len(frame))
        strength = float(np.sqrt(max(parts(once)[0][0], 0.0))) if value else 0.0
        found.append(Interaction((first, second), value, max(low, 0.0), high, strength))
    return sorted(found, key=lambda each: -each.strength)


def _crossed(score: Score, frame: pl.DataFrame, columns: Sequence[str]) -> Array:
    """(rows, rows): the answer with the columns of one row, and the rest of another."""
    rows = len(frame)
    own, rest = np.repeat(np.arange(rows), rows), np.tile(np.arange(rows), rows)
    mixed = frame[rest].with_columns(frame[column].gather(own) for column in columns)
    return score(mixed).reshape(rows, rows)


def _parts(counts: Array, one: Array, two: Array, both: Array) -> tuple[Array, Array]:
    """(draws,) each: the variance of what is no sum, and of all that the pair does, where rows count so often."""
    weights = counts / counts.sum(axis=1, keepdims=True)

    def centred(crossed: Array) -> Array:
        told = weights @ crossed.T
        return np.asarray(told - (weights * told).sum(axis=1, keepdims=True))

    together = centred(both)
    apart = together - centred(one) - centred(two)
    return (weights * apart**2).sum(axis=1), (weights * together**2).sum(axis=1)


def _quantiles(values: pl.Series, places: Array) -> tuple[pl.Series, Array]:
    """Different values that rows have, from small to large, at even ranks without the outer 2%; and their places."""
    different, rows = np.unique(places[np.isfinite(places)], return_index=True)
    rows = np.flatnonzero(np.isfinite(places))[rows]
    if len(different) > GRID:
        ranks = np.linspace(0.02, 0.98, GRID)
        at = np.unique(np.quantile(places[np.isfinite(places)], ranks, method="nearest"))
        rows, different = rows[np.searchsorted(different, at)], at
    return values.gather(rows), different


def _frequent(values: pl.Series) -> tuple[pl.Series, Array]:
    """The most frequent values, from the most to the least; of equally frequent ones those that come first."""
    known = values.drop_nulls()
    counted = known.to_frame().group_by(known.name, maintain_order=True).len(name="\0count")
    found = counted.sort("\0count", descending=True, maintain_order=True)[known.name].head(CATEGORIES)
    return found, np.arange(len(found), dtype=np.float64)


def _shares(values: pl.Series, grid: pl.Series, at: Array, places: Array | None) -> Array:
    """(grid,) the share of rows whose value is nearest to each; rows without a value, or a rare one, are nowhere."""
    if places is None:
        return np.array([(values == value).sum() / len(values) for value in grid])
    nearest = np.searchsorted((at[1:] + at[:-1]) / 2, places[np.isfinite(places)])
    return np.bincount(nearest, minlength=len(at)) / len(values)
