"""Columns that cannot help on new rows: constants, and identifiers that only number or name the rows.

Signal: one distinct value (a constant); or a different value in every row of a whole-number column whose range hardly
exceeds the number of rows (a row number: by chance, n whole numbers out of 3n are all different with probability
exp(-n/6)), or of a column that the schema takes for an identifier. Thresholds: 2 different values, or one repeat; the
range, 3 times the rows. Origin: deepchecks' and cleanlab's exact checks; the range was added because amounts and
measurements may all differ too. Silent on whole numbers that are spread out, on text, sounds and images, and on tables
of fewer than 30 rows (10 for an unbroken count). Repair: drop the column; never the last one. A column that luban
already leaves out is mentioned in a note. Proven structurally.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from luban.data.values import codes, floats
from luban.evidence.finding import Finding, Severity, Signal, Where
from luban.protocols import Condition, Examination
from luban.recipe.edit import dropping
from luban.schema.schema import Column

SPREAD = 3.0
"""Range of whole numbers over the number of rows, up to which a column without repeats counts the rows."""
FEWEST = 30
FEWEST_UNBROKEN = 10
LISTED = 20
"""More columns than this share one finding."""
MAY_NAME = frozenset({"number", "category", "identifier"})
"""Data types whose values may number or name the rows. Paths of sounds and images differ because their files do."""
SET_ASIDE = frozenset({"identifier", "constant"})


def examine(examination: Examination) -> list[Finding]:
    dropped = set(examination.recipe.drop)
    seen = [
        (column, what)
        for column in examination.schema.columns
        if column.name not in dropped
        and (column.role == "input" or (column.kind in SET_ASIDE and column.role in {"ignored", "id"}))
        if (what := _what(examination, column)) is not None
    ]
    inputs = [(column, what) for column, what in seen if column.role == "input"]
    aside = [(column, what) for column, what in seen if column.role != "input"]
    droppable = len(inputs) < len(examination.schema.inputs)
    return [
        *_findings(examination, inputs, "warning", droppable),
        *_findings(examination, aside, "note", False),
    ]


def _what(examination: Examination, column: Column) -> str | None:
    """`constant`, `row number` or `identifier`; None for a column that may help."""
    parts = (frame.get_column(column.name, default=None) for frame in (examination.train, examination.test))
    values = [part for part in parts if part is not None]
    if not values:
        # Rows are taken without the columns that nobody needs; the schema has looked at these.
        return "constant" if column.kind == "constant" else None
    both = pl.concat([part.cast(values[0].dtype, strict=False) for part in values])
    if both.dtype.is_nested() or both.is_empty():
        return None
    distinct = both.n_unique()
    if distinct == 1:
        return "constant"
    if distinct < len(both) or both.null_count() or column.kind not in MAY_NAME:
        return None
    if column.kind == "identifier" and len(both) >= FEWEST:
        return "row number" if both.dtype.is_numeric() and _counts(both, examination.rows) else "identifier"
    if both.dtype.is_numeric() and _counts(both, examination.rows):
        return "row number"
    # A category that never repeats names its rows.
    return "identifier" if both.dtype == pl.String and len(both) >= FEWEST and len(codes(both)) else None


def _counts(values: pl.Series, rows: int) -> bool:
    numbers = floats(values)
    if not np.isfinite(numbers).all() or np.any(numbers != np.round(numbers)):
        return False
    span = float(numbers.max() - numbers.min()) + 1
    unbroken = span == len(numbers) and len(numbers) >= FEWEST_UNBROKEN
    return unbroken or (len(numbers) >= FEWEST and span <= SPREAD * max(rows, len(numbers)))


def _findings(
    examination: Examination, seen: list[tuple[Column, str]], severity: Severity, droppable: bool
) -> list[Finding]:
    parts = [[one] for one in seen] if len(seen) <= LISTED else [seen]
    return [_finding(examination, part, severity, droppable) for part in parts]


def _finding(examination: Examination, seen: list[tuple[Column, str]], severity: Severity, droppable: bool) -> Finding:
    rows = len(examination.train) + len(examination.test)
    first, what = seen[0]
    names = [column.name for column, _ in seen]
    constant = what == "constant"
    if len(seen) > 1:
        which = f"{len(seen)} columns are constants or identifiers ('{names[0]}', '{names[1]}', ...)"
    elif constant:
        which = f"column '{first.name}' has the same value in all {rows:,} rows (threshold: at least 2 values)"
    else:
        article = "an" if what[0] in "aeiou" else "a"
        which = (
            f"column '{first.name}' has a different value in each of {rows:,} rows (threshold: a repeat) and is taken "
            f"for {article} {what}"
        )
    means = "It tells nothing about new rows" if len(seen) == 1 else "They tell nothing about new rows"
    if severity == "note":
        advice = "luban already leaves it out. Nothing to do." if len(seen) == 1 else "luban already leaves them out."
    elif droppable:
        advice = f"Leave {'it' if len(seen) == 1 else 'them'} out: --set drop={','.join(names)}."
    else:
        advice = "But no other column would be left: add columns that describe the rows."
    return Finding(
        condition=condition.id,
        severity=severity,
        where=Where(column=first.name if len(seen) == 1 else None),
        evidence=Signal("distinct values", float(1 if constant else rows), float(2 if constant else rows), rows),
        text=f"{which}. {means}. {advice}",
        edits=(dropping(examination.recipe, names, f"{what}: the same for new rows"),) if droppable else (),
    )


condition = Condition(
    id="constant-or-id-feature",
    group="data",
    summary="columns that are constant, or that only number or name the rows",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
    proof="structural",
    silences=("target-leakage", "group-or-time-leakage"),
)
