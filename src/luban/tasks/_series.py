"""Series in a table: the rows of each in the order of time, evenly spaced, with a number at each time.

What is not so is told with its place and its cure: gaps, times that come twice, times beside the steps, words among the
numbers. Values that are missing between others are put on the straight line between them, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import DataError, UsageError
from luban.features import datetime
from luban.schema.schema import Column, Schema
from luban.tasks._spacing import Spacing

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Course:
    """One series. name: the value of its group, or None. rows: (steps,) numbers of its rows in the table.

    times: (steps,) datetime64[us] or float64, rising. values: (steps,) float64, finite.
    """

    name: Any
    rows: Array
    times: Array
    values: Array

    def __str__(self) -> str:
        return "the series" if self.name is None else f"the series '{self.name!s:.40}'"


@dataclass(frozen=True)
class Courses:
    """All series of a table. reading: how texts are times. told: what was done to the rows, with their counts."""

    series: tuple[Course, ...]
    spacing: Spacing
    time: Column
    reading: str | None
    told: Mapping[str, int] = field(default_factory=dict)


def time_column(schema: Schema) -> Column:
    """The column of times: the one that was named, else the only one there is. UsageError where that is unclear."""
    named = schema.one("time")
    if named is not None:
        return named
    found = [column for column in schema.inputs if column.kind == "datetime"]
    if len(found) != 1:
        names = ", ".join(f"'{column.name}'" for column in found) or "none"
        raise UsageError(
            f"a forecast needs one column of times, and the data have {names}.", where="--order", fix="--order COLUMN"
        )
    return found[0]


def read(frame: pl.DataFrame, schema: Schema, step: str = "auto") -> Courses:
    """The series of a table. step: the spacing, where it is known.

    Raises DataError for times that are not evenly spaced, and for a target that is no number.
    """
    time, target, group = time_column(schema), schema.one("target"), schema.one("group")
    assert target is not None, "a forecast has a target"
    times, how = _times(frame[time.name], time)
    values = numbers(frame[target.name])
    names = frame[group.name].to_list() if group is not None else [None] * len(frame)
    unknown = np.isnat(times) if times.dtype.kind == "M" else ~np.isfinite(times)
    nameless = np.array([name is None for name in names]) if group is not None else np.zeros(len(frame), bool)
    rows_of: dict[Any, list[int]] = {}
    for row in np.flatnonzero(~unknown & ~nameless).tolist():
        rows_of.setdefault(names[row], []).append(row)
    told = {"rows without a time are left out": int(unknown.sum())}
    told["rows without a group are left out"] = int((nameless & ~unknown).sum())
    series = []
    for name, listed in rows_of.items():
        rows = np.array(listed)
        rows = rows[np.argsort(times[rows], kind="stable")]
        course = _filled(Course(name, rows, times[rows], values[rows]), told)
        if course is not None:
            _refuse_twice(course, time)
            series.append(course)
    if not any(len(course.times) > 1 for course in series):
        raise DataError("no series has two rows with a value.", where=f"column '{target.name}'", fix="add rows")
    long = [course.times for course in series if len(course.times) > 1]
    spacing = Spacing.found(long) if step == "auto" else Spacing.read(step)
    if (spacing.unit == "numbers") != (times.dtype.kind == "f"):
        raise DataError(f"the step '{spacing}' does not fit the times.", where=f"column '{time.name}'")
    for course in series:
        _refuse_uneven(course, spacing, time)
    return Courses(tuple(series), spacing, time, how, {why: count for why, count in told.items() if count})


def _times(values: pl.Series, column: Column) -> tuple[Array, str | None]:
    """(rows,) datetime64[us], or float64 for a column of plain numbers; and how texts are times."""
    if values.dtype.is_numeric() and column.kind != "datetime":
        return values.cast(pl.Float64).fill_null(np.nan).to_numpy(), None
    how = datetime.reading(values)
    return datetime.parse(values, how).to_numpy(), how


def numbers(values: pl.Series) -> Array:
    """(rows,) float64, NaN where a value is missing. DataError for a value that is no number.

    >>> numbers(pl.Series("sold", ["3", None])).tolist()
    [3.0, nan]
    """
    plain = values.str.strip_chars().replace("", None) if values.dtype == pl.String else values
    read = plain.cast(pl.Float64, strict=False) if not plain.dtype.is_temporal() else plain.clear().cast(pl.Float64)
    wrong = (plain.is_not_null() & read.is_null()).arg_true() if len(read) == len(plain) else [0]
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"row {row} holds '{values[row]!s:.40}', and a forecast needs a number in every row.",
            where=f"column '{values.name}'",
            fix="correct the row, or leave its value empty: it is then interpolated",
        )
    found = read.fill_null(np.nan).to_numpy().copy()
    # Squares of larger values leave the range of floats.
    found[~(np.abs(found) < 1e150)] = np.nan
    return found


def _filled(course: Course, told: dict[str, int]) -> Course | None:
    """The series from its first value to its last, without missing ones; None where it has no value."""
    known = np.flatnonzero(np.isfinite(course.values))
    if not len(known):
        return None
    kept = slice(known[0], known[-1] + 1)
    ends = len(course.values) - (known[-1] + 1 - known[0])
    values = course.values[kept]
    missing = ~np.isfinite(values)
    values = np.interp(np.arange(len(values)), np.flatnonzero(~missing), values[~missing])
    for why, count in (
        ("rows without a value at the ends of series are left out", ends),
        ("missing values between others are interpolated", int(missing.sum())),
    ):
        told[why] = told.get(why, 0) + int(count)
    return Course(course.name, course.rows[kept], course.times[kept], values)


def _refuse_twice(course: Course, time: Column) -> None:
    same = np.flatnonzero(course.times[1:] == course.times[:-1])
    if len(same):
        first, second = course.rows[same[0]], course.rows[same[0] + 1]
        more = "" if len(same) == 1 else f", and {len(same) - 1:,} more times come twice"
        raise DataError(
            f"{course} has two values for {_shown(course.times[same[0]])}, in the rows {first} and {second}{more}.",
            where=f"column '{time.name}'",
            fix="--group COLUMN tells series apart; else leave one row of each time",
        )


def _refuse_uneven(course: Course, spacing: Spacing, time: Column) -> None:
    places = spacing.numbers(course.times)
    steps = np.diff(places)
    beside = np.flatnonzero(np.abs(steps - np.round(steps)) > _TOLERANCE)
    where = f"column '{time.name}'"
    if len(beside) or (steps < 0.5).any():
        row = int(course.rows[(beside if len(beside) else np.flatnonzero(steps < 0.5))[0] + 1])
        raise DataError(
            f"row {row} of {course} does not lie on the steps of {spacing} that most rows have.",
            where=where,
            fix="correct its time, or say the step: --set forecast.step='1 days'",
        )
    gaps = np.flatnonzero(np.round(steps) > 1)
    if len(gaps):
        before, after = course.times[gaps[0]], course.times[gaps[0] + 1]
        missing = spacing.between(before, after)
        count = int((np.round(steps[gaps]) - 1).sum())
        raise DataError(
            f"{count:,} times of {course} are missing at steps of {spacing}; the first is {_shown(missing[0])}, "
            f"after row {course.rows[gaps[0]]}.",
            where=where,
            fix="add a row for each; where its value is empty it is interpolated",
        )


def _shown(time: Any) -> str:
    """A time as a person writes it.

    >>> _shown(np.datetime64("2024-01-31T00:00:00.000000"))
    '2024-01-31'
    """
    if isinstance(time, np.datetime64):
        return str(time.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
    return f"{float(time):g}"
