"""Rows of one person, place or moment on both sides of the split: the model is tested on what it has seen.

Group: a column whose values repeat, of which rows with equal values also agree in most other columns, as repeated
measurements of one entity do. Signal: the share of the variance of a column that lies between groups beyond what chance
gives (the intraclass correlation), the median over the other columns. Threshold 0.5, for columns with at least 10
different values and 2 to n/10 rows each, some on both sides. A category that merely helps has a low one.

Time: a column of times, rows held out at random, and a target whose values near in time are alike, so that the
neighbours of a test row tell its answer. Signal: the correlation of the target with its predecessor in time (of an
indicator of each class, for classes). Threshold 0.3, and beyond chance by 4 standard errors.

Source: deepchecks' index leakage, Kapoor and Narayanan (2023). Silent when the split already respects the column.
Repair: the split by that column. Proven structurally: nothing is shared any more.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from luban.batch import Array
from luban.data.values import codes, floats
from luban.evidence.finding import Finding, Signal, Where
from luban.features import datetime
from luban.protocols import Condition, Examination
from luban.recipe.edit import RecipeEdit
from luban.schema.schema import Column
from luban.training import probing

ALIKE = 0.5
FEWEST_GROUPS = 10
COURSE = 0.3
ERRORS = 4.0
NAMED_FOR_TIME = frozenset({"time", "timestamp", "date", "datetime", "day", "week", "month", "year", "step", "epoch"})


def examine(examination: Examination) -> list[Finding]:
    if examination.split in ("group", "given") or examination.test.is_empty():
        return []
    found = []
    if examination.split != "time":
        found += [finding for finding in [_time(examination)] if finding is not None]
    return found or [finding for finding in [_group(examination)] if finding is not None]


# Groups


def _group(examination: Examination) -> Finding | None:
    both = _both(examination)
    judged = []
    for column in examination.schema.columns:
        values = both.get_column(column.name, default=None)
        if column.role not in ("input", "id", "ignored") or values is None:
            continue
        if values.dtype.is_float() or values.dtype.is_nested() or column.kind in ("text", "datetime"):
            continue
        group = codes(values)
        if not _could_group(group, len(examination.train)):
            continue
        judged.append((_agreement(examination, column.name, group), column.name, group))
    if not judged:
        return None
    agreement, name, group = max(judged, key=lambda entry: entry[0])
    if agreement <= ALIKE:
        return None
    train, test = group[: len(examination.train)], group[len(examination.train) :]
    shared = np.isin(test, train)
    rows = tuple(int(row) for row in examination.test_rows[np.flatnonzero(shared)[:100]])
    return Finding(
        condition=condition.id,
        severity="severe",
        where=Where(column=name, rows=rows),
        evidence=Signal("agreement of rows with an equal value", agreement, ALIKE, len(group)),
        text=(
            f"rows with an equal '{name}' also agree in the other columns (median intraclass correlation "
            f"{agreement:.2f}, "
            f"threshold {ALIKE}), and {shared.mean():.0%} of the test rows share theirs with training rows. The score "
            "is one "
            f"for entities that were seen. Keep them together: --group {name}."
        ),
        edits=(
            RecipeEdit("split.group", examination.recipe.split.group, name, f"rows with an equal '{name}' are alike"),
        ),
    )


def _could_group(group: Array, train: int) -> bool:
    known = group[group >= 0]
    if len(known) < len(group):
        return False
    sizes = np.bincount(known)
    if len(sizes) < FEWEST_GROUPS or np.median(sizes) < 2 or sizes.max() > len(group) / 10 + 1:
        return False
    return bool(np.isin(group[train:], group[:train]).any())


def _agreement(examination: Examination, name: str, group: Array) -> float:
    """The median intraclass correlation of the other columns (Fisher's, by one-way analysis of variance)."""
    others = [column for column in dict.fromkeys(examination.names) if column != name]
    if not others:
        return 0.0
    inputs = probing.plain(examination, others, both=True)
    inputs = inputs[:, inputs.std(axis=0) > 0]
    if not inputs.shape[1]:
        return 0.0
    ranks = np.argsort(np.argsort(inputs, axis=0, kind="stable"), axis=0, kind="stable").astype(float)
    # Equal values have equal ranks, or ties would pass for differences.
    for place in range(ranks.shape[1]):
        _, inverse = np.unique(inputs[:, place], return_inverse=True)
        ranks[:, place] = (np.bincount(inverse, ranks[:, place]) / np.bincount(inverse))[inverse]
    sizes = np.bincount(group).astype(float)
    rows, groups = len(group), len(sizes)
    means = np.stack([np.bincount(group, ranks[:, place]) / sizes for place in range(ranks.shape[1])], axis=1)
    between = (sizes[:, None] * (means - ranks.mean(axis=0)) ** 2).sum(axis=0) / (groups - 1)
    within = ((ranks - means[group]) ** 2).sum(axis=0) / max(rows - groups, 1)
    typical = (rows - (sizes**2).sum() / rows) / (groups - 1)
    correlation = (between - within) / (between + (typical - 1) * within)
    return float(np.median(correlation))


# Time


def _time(examination: Examination) -> Finding | None:
    target = _targets(examination)
    if target is None:
        return None
    both = _both(examination)
    judged, held = [], frozenset(both.columns)
    for column in examination.schema.columns:
        if column.name in held and column.role in ("input", "id", "ignored") and _tells_time(column, both):
            order = _moments(both[column.name], column)
            if np.isfinite(order).all() and len(np.unique(order)) > len(order) / 2:
                judged.append((_course(target, order), column.name))
    if not judged:
        return None
    course, name = max(judged)
    bound = max(COURSE, ERRORS / np.sqrt(len(target)))
    if course <= bound:
        return None
    return Finding(
        condition=condition.id,
        severity="severe",
        where=Where(column=name),
        evidence=Signal("correlation of the target with its predecessor in time", course, bound, len(target)),
        text=(
            f"along '{name}' the target follows its own course (correlation with the row before {course:.2f}, "
            "threshold "
            f"{bound:.2f}), and test rows were drawn at random from between training rows: their neighbours tell the "
            "answer, "
            f"which they will not in future. Test on the latest rows: --order {name}."
        ),
        edits=(
            RecipeEdit("split.order", examination.recipe.split.order, name, f"the target follows a course in '{name}'"),
        ),
    )


def _tells_time(column: Column, both: pl.DataFrame) -> bool:
    if column.kind == "datetime":
        return True
    words = set(column.name.lower().replace("-", "_").replace(" ", "_").split("_"))
    return both[column.name].dtype.is_numeric() and bool(words & NAMED_FOR_TIME)


def _moments(values: pl.Series, column: Column) -> Array:
    if column.kind == "datetime":
        values = datetime.parse(values, datetime.reading(values))
    return floats(values)


def _course(target: Array, order: Array) -> float:
    """The largest correlation of a column of the target with its predecessor, in the order of time."""
    sorted_ = target[np.argsort(order, kind="stable")]
    best = 0.0
    for column in sorted_.T:
        if column[1:].std() > 0 and column[:-1].std() > 0:
            best = max(best, float(np.corrcoef(column[:-1], column[1:])[0, 1]))
    return best


def _targets(examination: Examination) -> Array | None:
    """(rows, columns) the target of all rows: values, or an indicator for each class."""
    train, test = examination.train_target, examination.test_target
    if not isinstance(train, np.ndarray) or not isinstance(test, np.ndarray) or train.ndim > 1:
        return None
    both = np.concatenate([train, test])
    if examination.classes:
        return (both[:, None] == np.arange(len(examination.classes))).astype(float)
    return both[:, None]


def _both(examination: Examination) -> pl.DataFrame:
    return pl.concat([examination.train, examination.test], how="vertical_relaxed")


condition = Condition(
    id="group-or-time-leakage",
    group="data",
    summary="rows of one entity or moment on both sides of the split",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
    proof="structural",
    silences=("train-test-duplicates",),
)
