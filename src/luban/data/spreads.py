"""How the values of columns lie, in bins: made of training rows, and found again for newer ones.

A bin holds about a twentieth of the rows that it was made of, and `ALIKE` or more; a category has a bin of its own from
`ALIKE` rows on, and bounds are rounded. So no value of a single row is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl

from luban.batch import Array
from luban.data import values
from luban.data.check import conform
from luban.evidence.reference import Pairs, Reference, Spread
from luban.features import boolean
from luban.schema.schema import Column, Schema

BINS = 20
ALIKE = 5
"""Rows that a bin has at least when it is made."""
MOST_CATEGORIES = 100
MOST_STRATA = 25
MOST_COLUMNS = 1_000
MOST_COUNTS = 50_000
"""Numbers that are kept in all; where strata would take more, rows are counted without them."""
KINDS: dict[str, Literal["number", "category", "length"]] = {
    "number": "number",
    "boolean": "category",
    "category": "category",
    "text": "length",
}
"""How the columns of a data type are compared."""
MOST_PAIRED = 40
"""Columns of which every two are kept, those with the most bins."""
WHY_NOT = {"datetime": "newer rows have later times, as they should"}


def reference(frame: pl.DataFrame, schema: Schema, target: Spread | None, codes: Array | None) -> Reference:
    """What is kept of training rows.

    target: the spread of their target. codes: (rows,) the bin of the target of each row, where `target` is given.
    """
    compared = _compared(schema)
    read = conform(frame, compared, where="the training rows")
    width = 1 if target is None else len(target.bounds) + 1
    if width > MOST_STRATA or len(compared.columns) * (BINS + 2) * width > MOST_COUNTS:
        codes, width = None, 1
    columns = tuple(
        spread(column.name, KINDS[column.kind], _readable(read[column.name], column), codes, width)
        for column in compared.columns
    )
    left = [column for column in schema.inputs if column.name not in compared.names]
    uncompared = {column.name: WHY_NOT.get(column.kind, "no spread is kept of it") for column in left[:MOST_COLUMNS]}
    return Reference(len(frame), columns, target, uncompared=uncompared, pairs=_pairs(columns, read, codes, width))


def of_target(name: str, target: Array, classes: tuple[str, ...]) -> Spread:
    """The spread of a target, as its task encodes it: class codes, each in a bin of its own, or values."""
    if not classes:
        return spread(name, "number", target)
    counts = np.bincount(target[target >= 0], minlength=len(classes))
    return Spread(name, "category", classes, np.array([*counts, 0, int((target < 0).sum())])[:, None])


def _pairs(spreads: tuple[Spread, ...], frame: pl.DataFrame, codes: Array | None, width: int) -> Pairs | None:
    """How the columns of numbers went together; None of fewer than two, and of few rows, which would be told singly."""
    numbers = [each for each in spreads if each.kind == "number" and each.bounds]
    chosen = sorted(numbers, key=lambda each: -len(each.bounds))[:MOST_PAIRED]
    if len(chosen) < 2:
        return None
    if len(chosen) * (len(chosen) - 1) // 2 * width > MOST_COUNTS:
        codes, width = None, 1
    scored = np.stack([scores(each)[placed(each, values.floats(frame[each.name]))] for each in chosen], axis=1)
    strata = np.zeros(len(frame), dtype=np.int64) if codes is None else codes
    first, second = np.triu_indices(len(chosen), 1)
    sums = (scored[strata == stratum] for stratum in range(width))
    return Pairs(tuple(each.name for each in chosen), np.stack([(rows.T @ rows)[first, second] for rows in sums]))


def scores(spread: Spread) -> Array:
    """(bins,) the score of a row in each bin, as in `Pairs`.

    >>> scores(Spread("age", "number", (20.0,), np.array([[30], [10], [5]]))).round(3).tolist()
    [-0.125, 0.375, 0.0]
    """
    shares = spread.counts.sum(axis=1)[:-1] / max(int(spread.counts[:-1].sum()), 1)
    return np.append(np.cumsum(shares) - shares / 2 - 0.5, 0.0)


def with_answers(reference: Reference, said: Mapping[str, Array], target: Array) -> Reference:
    """The same with the spreads of answers to test rows. said: (test rows,) numbers by name. target: of these rows."""
    codes, width = None, 1
    if reference.target is not None and len(reference.target.bounds) < MOST_STRATA:
        codes, width = strata(reference.target, target), len(reference.target.bounds) + 1
    answers = tuple(spread(name, "number", numbers, codes, width) for name, numbers in said.items())
    return replace(reference, answers=answers)


def toward(reference: Reference, ratio: Array) -> Reference:
    """What would be kept of rows of which each class is so many times as frequent, in whole numbers.

    ratio: (classes,). What is kept without strata stays as it is. Answers are left out, since they would be others, and
    pairs, whose scores would be.
    """

    def many(counts: Array, axis: int) -> Array:
        if counts.shape[axis] < len(ratio):
            return counts
        shape = [1] * counts.ndim
        shape[axis] = -1
        padded = np.append(ratio, np.ones(counts.shape[axis] - len(ratio))).reshape(shape)
        return np.asarray((counts * padded).round().astype(np.int64))

    columns = tuple(replace(each, counts=many(each.counts, 1)) for each in reference.columns)
    target = reference.target
    return replace(
        reference,
        columns=columns,
        target=None if target is None else replace(target, counts=many(target.counts, 0)),
        pairs=None,
        confusion=None if reference.confusion is None else many(reference.confusion, 0),
        answers=(),
    )


def strata(target: Spread, encoded: Array) -> Array:
    """(rows,) the stratum of each row, from known targets as their task encodes them."""
    return encoded if target.kind == "category" else placed(target, encoded)


def spread(
    name: str,
    kind: Literal["number", "category", "length"],
    given: Array | pl.Series,
    strata: Array | None = None,
    width: int = 1,
) -> Spread:
    """The spread of values: (rows,) numbers, NaN where there is none, or texts for `category`.

    strata: (rows,) the stratum of each row, of `width`.

    >>> ages = spread("age", "number", np.array([20.0, 20.0, 30.0, 30.0, 40.0] * 4))
    >>> ages.bounds, ages.counts.ravel().tolist()
    ((20.0, 30.0), [8, 8, 4, 0])
    """
    bounds = _categories(given) if isinstance(given, pl.Series) else _quantiles(given)
    empty = Spread(name, kind, bounds, np.zeros((len(bounds) + 2, width), dtype=np.int64))
    cells = placed(empty, given) * width + (0 if strata is None else strata)
    counts = np.bincount(cells, minlength=empty.bins * width).reshape(empty.bins, width)
    return Spread(name, kind, bounds, counts)


def placed(spread: Spread, given: Array | pl.Series) -> Array:
    """(rows,) int64: the bin of each value.

    >>> placed(spread("age", "number", np.arange(40.0)), np.array([-1.0, 50.0, np.nan])).tolist()
    [0, 7, 8]
    """
    missing = spread.bins - 1
    if isinstance(given, pl.Series):
        own = {value: place for place, value in enumerate(spread.bounds)}
        found = (missing if value is None else own.get(value, missing - 1) for value in given.to_list())
        return np.fromiter(found, dtype=np.int64, count=len(given))
    places = np.searchsorted(np.array(spread.bounds, dtype=np.float64), given, side="left")
    return np.where(np.isnan(given), missing, places)


def columns(frame: pl.DataFrame, schema: Schema, spreads: Iterable[Spread], *, where: str) -> tuple[Array, ...]:
    """(rows,) the bins of the rows of a table, for the spread of each column."""
    read = conform(frame, _compared(schema), where=where)
    return tuple(placed(each, _readable(read[each.name], schema[each.name])) for each in spreads)


def is_of(spread: Spread, schema: Schema) -> bool:
    """Whether the spread can be one of an input column."""
    return any(column.name == spread.name and KINDS[column.kind] == spread.kind for column in _compared(schema).columns)


def _compared(schema: Schema) -> Schema:
    return Schema(tuple(column for column in schema.inputs if column.kind in KINDS)[:MOST_COLUMNS])


def _readable(found: pl.Series, column: Column) -> Array | pl.Series:
    match KINDS[column.kind]:
        case "number":
            return values.floats(found)
        case "length":
            return values.floats(found.str.len_chars())
        case "category" if column.kind == "boolean":
            return boolean.parse(found).cast(pl.String)
        case "category":
            return found.cast(pl.String)


def _quantiles(given: Array) -> tuple[float, ...]:
    """Every twentieth of the values, rounded to a hundredth of their middle half: no bound is the value of a person."""
    known = given[np.isfinite(given)]
    bins = min(BINS, len(known) // ALIKE)
    if bins < 2:
        return ()
    found: Any = np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf")
    middle = float(found[3 * (bins - 1) // 4] / 2 - found[(bins - 1) // 4] / 2)
    if 1e-100 < middle < 1e100:
        digits = 2 - math.floor(math.log10(2 * middle))
        # What is larger has no such digits, and would overflow.
        near = np.abs(found) < 10.0 ** (300 - abs(digits))
        found[near] = np.round(found[near], digits)
    return tuple(np.unique(found).tolist())


def _categories(given: pl.Series) -> tuple[str, ...]:
    seen = given.drop_nulls().rename("value").value_counts(name="rows").filter(pl.col("rows") >= ALIKE)
    ordered = seen.sort(["rows", "value"], descending=[True, False])["value"]
    return tuple(ordered.head(MOST_CATEGORIES).to_list())
