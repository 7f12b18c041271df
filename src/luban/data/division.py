"""Division: which rows train, which are set aside to test, why; and how training rows are cut into folds.

It is made before anything is fitted. Rows without a target, group or time are counted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from luban.batch import Array, PerRow, Ragged, dense
from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.core.seed import derive
from luban.data import twins, values
from luban.data.readable import Unreadable
from luban.features import datetime
from luban.protocols import Rows, Split, Target, Task
from luban.recipe.recipe import Recipe
from luban.schema.schema import Column, Schema

FEWEST = 10
"""Rows with a target below which nothing is learned."""
UNREADABLE = "cannot be read in the column"
"""The reason of a row that is left out because of a value in a column, whose name follows."""
NO_TARGET = "no target"
"""The reason of a row that is left out because nothing says what it should be answered."""
FORECAST = 0.5
"""Correlation of neighbouring values of a target, from which the rows are taken for a course of time."""


@dataclass(frozen=True)
class Division:
    """Who trains and who tests.

    train, test: ascending row numbers of the table. split: how they came about, a name of `data/splits` or `given`.
    within: the split that cuts training rows into folds. groups, order: (all rows of the table,) or None.
    reach: (all rows,) until when the target of a row reaches, in the unit of `order`; None where each has one moment.
    dropped: how many rows are in neither part, by reason; listed: up to 100 of them as (row, reason).
    """

    train: Array
    test: Array
    split: str
    within: str
    reason: str
    groups: Array | None = None
    order: Array | None = None
    reach: Array | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    listed: tuple[tuple[int, str], ...] = ()


def divide(
    frame: pl.LazyFrame,
    schema: Schema,
    recipe: Recipe,
    task: Task,
    target: PerRow | None,
    rows: int,
    *,
    given: Array | None = None,
    kept: Array | None = None,
    unreadable: Sequence[Unreadable] = (),
    ends: str | None = None,
) -> Division:
    """The division of a table.

    target: encoded, for all rows. given: rows that a person gave to test on. kept: rows that must not be test rows.
    unreadable: rows that are left out because a value in them cannot be read.
    ends: the column that says until when the target of a row reaches; training rows must end before a test row starts.
    Raises DataError for too few rows, and UsageError for a split that its columns do not allow.
    """
    within, reason, order_column = _choose(frame, schema, recipe, task, target)
    groups = _groups(frame, schema) if within == "group" or ends is not None else None
    order = _order(frame, order_column) if order_column is not None else None
    reach = _order(frame, schema[ends]) if ends is not None else None
    several = getattr(task, "targets", ())
    usable, left_out = _usable(rows, target, groups, order, unreadable, several=bool(several))
    _demand(usable, target, recipe, several, fewest=2 if given is not None else FEWEST)
    split, test = within, _mask(rows, given)
    if given is not None:
        split, reason = "given", "the test rows were given"
    else:
        numbers = np.flatnonzero(usable & ~_mask(rows, kept))
        share, seed = recipe.split.test, derive(recipe.seed, "holdout")
        test[numbers] = _split(within).holdout(_rows(numbers, target, task, groups, order), share, seed)
    train, test = usable & ~test, usable & test
    if reach is not None and order is not None and test.any():
        late = train & (reach >= order[test].min())
        left_out["its steps are also those of a test row"] = np.flatnonzero(late)
        train &= ~late
    if not train.any() or not test.any():
        raise DataError("one side of the split has no row with a target.", fix="give more rows")
    copies = _copies(frame, schema, train, test) if recipe.split.duplicates == "drop" else np.zeros(rows, dtype=bool)
    left_out["a test row that copies a training row"] = np.flatnonzero(copies)
    return Division(
        train=np.flatnonzero(train),
        test=np.flatnonzero(test & ~copies),
        split=split,
        within=within,
        reason=reason,
        groups=groups,
        order=order,
        reach=reach,
        dropped={why: len(numbers) for why, numbers in left_out.items() if len(numbers)},
        listed=_listed(left_out, {each.row: each for each in unreadable}),
    )


def _mask(rows: int, numbers: Array | None) -> Array:
    """(rows,) boolean: which rows have one of these numbers; none where there are none."""
    found = np.zeros(rows, dtype=bool)
    if numbers is not None:
        found[numbers] = True
    return found


def _demand(usable: Array, target: PerRow | None, recipe: Recipe, several: Sequence[Target], *, fewest: int) -> None:
    """Raises DataError where fewer rows can be used, of all or of one of several targets."""
    if usable.sum() < fewest:
        raise DataError(
            f"{int(usable.sum())} rows can be used, and at least {fewest} are needed.",
            where=f"column '{recipe.target}'" if recipe.target else None,
            fix="add rows, or choose another --target",
        )
    for place, each in enumerate(several):
        here = int(np.isfinite(dense(target)[usable, place]).sum()) if target is not None else 0
        if here < fewest:
            raise DataError(
                f"{here} rows that can be used have this target, and at least {fewest} are needed.",
                where=f"column '{each.name}'",
                fix="fill it, or leave its --target out",
            )


def held_out(division: Division, target: PerRow | None, task: Task, share: float, seed: int) -> Array:
    """(training rows,) boolean: one part of the training rows, held out in the way of the split."""
    rows = _rows(division.train, target, task, division.groups, division.order)
    return _split(division.within).holdout(rows, share, derive(seed, "held out"))


def folds(division: Division, target: PerRow | None, task: Task, count: int, seed: int) -> Array:
    """(training rows,) int64: the fold in which each training row is held out; -1 for rows that only train."""
    rows = _rows(division.train, target, task, division.groups, division.order)
    return _split(division.within).folds(rows, min(count, rows.count), seed)


def _split(name: str) -> Split:
    found: Split = registry.find("data.splits", name)
    return found


def _rows(numbers: Array, target: PerRow | None, task: Task, groups: Array | None, order: Array | None) -> Rows:
    return Rows(
        count=len(numbers),
        # No way to divide rows looks into sequences.
        target=None if target is None or isinstance(target, Ragged) else target[numbers],
        discrete=task.name in ("binary", "multiclass"),
        groups=None if groups is None else groups[numbers],
        order=None if order is None else order[numbers],
    )


def _choose(
    frame: pl.LazyFrame, schema: Schema, recipe: Recipe, task: Task, target: PerRow | None
) -> tuple[str, str, Column | None]:
    """The name of the split, the reason, and the column of time where there is one."""
    kind = recipe.split.kind
    group, time = schema.one("group"), schema.one("time")
    if kind == "group" and group is None:
        raise UsageError("the group split needs a column.", where="split.kind", fix="--group COLUMN")
    if kind == "time" and time is None:
        raise UsageError("the time split needs a column.", where="split.kind", fix="--order COLUMN")
    if kind == "group" or (kind == "auto" and group is not None):
        assert group is not None
        return "group", f"rows share a '{group.name}', and rows of one stay together: {group.reason}", None
    if kind == "time" or (kind == "auto" and time is not None):
        assert time is not None
        return "time", f"'{time.name}' orders the rows, and the latest are held out: {time.reason}", time
    discrete = task.name in ("binary", "multiclass")
    if kind == "auto" and task.name == "regression" and target is not None:
        course = _course(frame, schema, dense(target))
        if course is not None:
            return "time", f"'{course.name}' counts up and the target follows its own course: a forecast", course
    if kind == "stratified" and not discrete:
        raise UsageError(f"{task.name} has no classes to share out.", where="split.kind", fix="--set split.kind=random")
    if kind == "stratified" or (kind == "auto" and discrete):
        return (
            "stratified",
            "each class has its share of the test rows" + (", as asked" if kind != "auto" else ""),
            None,
        )
    return "random", "every row has the same chance to be a test row" + (", as asked" if kind != "auto" else ""), None


def _course(frame: pl.LazyFrame, schema: Schema, target: Array) -> Column | None:
    """The datetime column whose values only rise, where the target also follows its own course along it."""
    known = target[np.isfinite(target)]
    if len(known) < 30 or np.corrcoef(known[:-1], known[1:])[0, 1] < FORECAST:
        return None
    for column in schema.inputs:
        if column.kind == "datetime":
            order = _order(frame, column)
            if np.isfinite(order).all() and np.all(np.diff(order) > 0):
                return column
    return None


def _groups(frame: pl.LazyFrame, schema: Schema) -> Array | None:
    column = schema.one("group")
    return None if column is None else values.codes(frame.select(column.name).collect().to_series())


def _order(frame: pl.LazyFrame, column: Column) -> Array:
    series = frame.select(column.name).collect().to_series()
    if column.kind == "datetime" or series.dtype == pl.String:
        series = datetime.parse(series, datetime.reading(series))
    return values.floats(series)


def _usable(
    rows: int,
    target: PerRow | None,
    groups: Array | None,
    order: Array | None,
    unreadable: Sequence[Unreadable],
    *,
    several: bool,
) -> tuple[Array, dict[str, Array]]:
    """(rows,) which rows can be used, and the numbers of the others by reason."""
    usable = np.ones(rows, dtype=bool)
    left_out: dict[str, Array] = {}
    for column in dict.fromkeys(each.column for each in unreadable):
        numbers = np.array([each.row for each in unreadable if each.column == column])
        left_out[f"{UNREADABLE} '{column}'"] = numbers
        usable[numbers] = False
    for why, known in (
        (NO_TARGET, None if target is None else values.known(target, several=several)),
        ("no group", None if groups is None else groups >= 0),
        ("no time", None if order is None else np.isfinite(order)),
    ):
        if known is not None:
            left_out[why] = np.flatnonzero(usable & ~known)
            usable &= known
    return usable, left_out


def _listed(left_out: Mapping[str, Array], unreadable: Mapping[int, Unreadable]) -> tuple[tuple[int, str], ...]:
    """Up to 100 rows with the reason; of a value that cannot be read, its own."""
    listed = []
    for why, numbers in left_out.items():
        for row in numbers[:100].tolist():
            own = f": {unreadable[row].told}" if why.startswith(UNREADABLE) else ""
            listed.append((row, f"{why}{own}"))
    return tuple(listed[:100])


def _copies(frame: pl.LazyFrame, schema: Schema, train: Array, test: Array) -> Array:
    names = [column.name for column in schema.inputs]
    keys = twins.row_keys(frame.select(names).collect(engine="streaming"), names)
    copies = np.zeros(len(train), dtype=bool)
    copies[test] = twins.seen_in(keys[test], keys[train])
    if copies[test].all():
        raise DataError("every test row copies a training row.", fix="--set split.duplicates=keep, or give --test rows")
    return copies
