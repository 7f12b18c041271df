"""Windows of series: each is a row, made of the last values that are known and the next ones, which are the target.

    ... 3 4 [5 6 7 8] (9 10) 11 ...      history [..], target (..), for a history of 4 steps and a horizon of 2

The history is scaled by itself: its level is taken off, and what is left divided by its spread. So series of different
size, and a series that has grown, look alike to a model; the form gives its answers back in the series' own unit.
Level: the mean of the last season, or the last value where there is no season. Spread: the standard deviation of the
history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view

from luban.batch import Array
from luban.core.errors import DataError, UsageError
from luban.core.seed import derive
from luban.recipe.edit import changed
from luban.recipe.recipe import Recipe
from luban.schema.schema import Column, Schema
from luban.tasks import _seasons
from luban.tasks._series import Course, Courses
from luban.tasks._spacing import Spacing

HISTORY, ANCHOR, ENDS, BLOCK = "history", "anchor", "ends", "block"
"""Columns of windows: the scaled history; its level and spread; until when a window reaches; which overlap."""
WITHOUT_SEASON = 10
"""Steps ahead where no season says how many."""
LONGEST = 1_000
"""Steps of the past at most, where `auto` decides."""
CELLS = 60_000_000
"""Numbers of all windows together; of longer data windows are drawn at random."""
SERIES = "which series it is"
"""Why a column of windows is there that names the series."""
OTHERS = ("number", "category", "boolean")
"""Data types of other columns, whose last known value a window holds."""


def resolved(courses: Courses, recipe: Recipe) -> Recipe:
    """The recipe in which horizon, season, history, step and split are found, for these series."""
    asked = recipe.forecast
    values = [course.values for course in courses.series]
    middle = int(np.median([len(each) for each in values]))
    season = asked.season if isinstance(asked.season, int) else _seasons.season(values)
    usual = season if season > 1 else min(WITHOUT_SEASON, max(middle // 10, 1))
    horizon = asked.horizon if isinstance(asked.horizon, int) else usual
    if isinstance(asked.history, int):
        history = asked.history
    else:
        wanted = 2 * season if season > 1 else max(2 * horizon, 8)
        # What is left must still make enough windows to train, compare and test.
        room = middle - horizon + 1 - fewest_windows(horizon, recipe)
        history = max(min(wanted, LONGEST, room), season + 1)
    if history <= season:
        raise UsageError(
            f"a history of {history} steps does not hold a season of {season} and the step before it.",
            where="forecast.history",
            fix=f"--set forecast.history={2 * season}, or another forecast.season",
        )
    found = {"horizon": horizon, "season": season, "history": history, "step": str(courses.spacing)}
    # A group that was named says which series there are.
    if recipe.split.kind not in ("auto", "time", "group"):
        raise UsageError(
            f"a forecast is tested on the latest windows, not by a {recipe.split.kind} split.",
            where="split.kind",
            fix="leave it out",
        )
    values_set: dict[str, Any] = {f"forecast.{key}": value for key, value in found.items()}
    return changed(recipe, {**values_set, "split.kind": "time", "split.order": courses.time.name})


def fewest_windows(horizon: int, recipe: Recipe) -> int:
    """Windows of a series that are enough: to test the latest, leave a gap, and compare models on two parts before."""
    return math.ceil((4 * horizon + 2) / (1 - recipe.split.test))


@dataclass(frozen=True)
class Sizes:
    """What a recipe says, once nothing is open."""

    horizon: int
    season: int
    history: int

    @classmethod
    def of(cls, recipe: Recipe) -> Sizes:
        asked = recipe.forecast
        sizes = (asked.horizon, asked.season, asked.history)
        horizon, season, history = (size for size in sizes if isinstance(size, int))
        return cls(horizon, season, history)


@dataclass(frozen=True)
class Windows:
    """Some windows of one series. last: (windows,) the place in it of the last known value of each."""

    course: Course
    last: Array


def known(courses: Courses, recipe: Recipe, *, fewest: int) -> tuple[list[Windows], int]:
    """All windows whose target is known, and how many series are too short for one.

    fewest: windows that the longest series must have. Raises DataError, which says how many rows are needed.
    """
    sizes = Sizes.of(recipe)
    found, short = [], 0
    for course in courses.series:
        last = np.arange(sizes.history - 1, len(course.values) - sizes.horizon)
        short += not len(last)
        if len(last):
            found.append(Windows(course, last))
    moments = max((len(windows.last) for windows in found), default=0)
    if moments < fewest:
        longest = max(courses.series, key=lambda course: len(course.values))
        needed = sizes.history + sizes.horizon - 1 + fewest
        raise DataError(
            f"{longest} has {len(longest.values):,} values; a history of {sizes.history} and a horizon of "
            f"{sizes.horizon} steps need {needed:,}, so that there are windows to train and to test.",
            where=f"column '{courses.time.name}'",
            fix="add rows, or ask for less: --set forecast.horizon=... --set forecast.history=...",
        )
    return _drawn(found, sizes, recipe.seed), short


def latest(courses: Courses, recipe: Recipe) -> list[Windows]:
    """The window of each series behind which nothing is known. DataError for a series that is too short for one."""
    sizes = Sizes.of(recipe)
    for course in courses.series:
        if len(course.values) < sizes.history:
            raise DataError(
                f"{course} has {len(course.values):,} values, and the model looks at the last {sizes.history}.",
                where=f"column '{courses.time.name}'",
                fix=f"give at least {sizes.history} rows of each series, up to the newest",
            )
    return [Windows(course, np.array([len(course.values) - 1])) for course in courses.series]


def _drawn(windows: list[Windows], sizes: Sizes, seed: int) -> list[Windows]:
    """Fewer windows at random, where all together would be too large."""
    most = CELLS // (sizes.history + sizes.horizon)
    count = sum(len(each.last) for each in windows)
    if count <= most:
        return windows
    kept = np.random.default_rng(derive(seed, "windows")).random(count) < most / count
    parts = np.split(kept, np.cumsum([len(each.last) for each in windows])[:-1])
    thinned = [replace(each, last=each.last[part]) for each, part in zip(windows, parts, strict=True)]
    return [each for each in thinned if len(each.last)]


def frame(
    data: pl.DataFrame, schema: Schema, courses: Courses, windows: list[Windows], recipe: Recipe
) -> tuple[pl.DataFrame, Schema]:
    """The windows as a table, and its schema. data: the rows that the series were read from."""
    sizes = Sizes.of(recipe)
    target, group = schema.one("target"), schema.one("group")
    assert target is not None, "a forecast has a target"
    histories, anchors, targets, firsts, ends = [], [], [], [], []
    for each in windows:
        course, last = each.course, each.last
        history = sliding_window_view(course.values, sizes.history)[last - sizes.history + 1]
        level, spread = anchored(history, sizes.season)
        histories.append((history - level[:, None]) / spread[:, None])
        anchors.append(np.stack([level, spread], axis=1))
        targets.append(np.column_stack([_next(course.values, last, sizes.horizon), _naive_error(course, last, sizes)]))
        following = np.concatenate([course.times, courses.spacing.after(course.times, sizes.horizon)])
        firsts.append(following[last + 1])
        ends.append(following[last + sizes.horizon])
    rows = np.concatenate([each.course.rows[each.last] for each in windows])
    times, until = np.concatenate(firsts), np.concatenate(ends)
    columns = [
        pl.Series(courses.time.name, times),
        pl.Series(target.name, np.concatenate(targets)),
        *_calendar(times, courses),
        *(data[column.name].gather(rows) for column in schema.inputs if column.kind in OTHERS),
        *([data[group.name].gather(rows)] if group is not None else []),
        pl.Series(HISTORY, np.concatenate(histories)),
        pl.Series(ANCHOR, np.concatenate(anchors)),
        pl.Series(ENDS, until),
        pl.Series(BLOCK, _blocks(times, courses.spacing, sizes.horizon)),
    ]
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"a forecast makes a column '{twice}' of its own.", fix=f"rename the column '{twice}'")
    table = pl.DataFrame(columns)
    return table, _schema(table, schema, courses, group)


def anchored(history: Array, season: int) -> tuple[Array, Array]:
    """(windows,) the level and the spread of each history; a spread of 1 where nothing varies.

    >>> anchored(np.array([[1.0, 3.0, 5.0, 7.0], [2.0, 2.0, 2.0, 2.0]]), season=2)[0].tolist()
    [6.0, 2.0]
    """
    level = history[:, -season:].mean(axis=1)
    spread = history.std(axis=1)
    return level, np.where(spread > 1e-9 * np.maximum(np.abs(level), 1e-6), spread, 1.0)


def _next(values: Array, last: Array, horizon: int) -> Array:
    """(windows, horizon) the values behind each window; NaN where nothing is known."""
    padded = np.concatenate([values, np.full(horizon, np.nan)])
    return np.asarray(sliding_window_view(padded, horizon)[last + 1])


def _naive_error(course: Course, last: Array, sizes: Sizes) -> Array:
    """(windows,) how far the values up to each window's last lie from those a season before, on average."""
    away = np.abs(course.values[sizes.season :] - course.values[: -sizes.season])
    means = np.cumsum(away) / np.arange(1, len(away) + 1)
    return np.asarray(means[last - sizes.season])


def _blocks(times: Array, spacing: Spacing, horizon: int) -> Array:
    """(windows,) int64: equal for windows that overlap, of all series alike, since what happens happens to all."""
    start = times.min()
    return np.asarray(np.floor(spacing.numbers(np.concatenate([[start], times]))[1:] / horizon + 1e-9), dtype=np.int64)


def _calendar(times: Array, courses: Courses) -> list[pl.Series]:
    """The parts of the calendar at the first step that is asked for, which can matter at this spacing."""
    name, spacing = courses.time.name, courses.spacing
    if spacing.unit == "numbers":
        return []
    series = pl.Series(name, times)
    cycles: dict[str, Array] = {}
    day_or_less = spacing.unit == "weekdays" or (spacing.unit == "time" and spacing.size <= 86_400_000_000)
    if spacing.unit != "time" or spacing.size >= 3_600_000_000:
        cycles["year"] = (series.dt.ordinal_day().to_numpy() - 1) / 366
    if spacing.unit == "time" and spacing.size < 86_400_000_000:
        cycles["day"] = (times - times.astype("datetime64[D]")).astype(np.int64) / 86_400_000_000
    found = [
        pl.Series(f"{name} {part} {wave}", function(2 * np.pi * cycle))
        for part, cycle in cycles.items()
        for wave, function in (("sine", np.sin), ("cosine", np.cos))
    ]
    if day_or_less:
        found.append(series.dt.to_string("%A").alias(f"{name} weekday"))
    return found


def _schema(table: pl.DataFrame, schema: Schema, courses: Courses, group: Column | None) -> Schema:
    """Number columns first, as they are encoded; the history and its anchor last."""
    time = courses.time
    made = "made of the series"
    kinds = {HISTORY: "lags", ANCHOR: "anchor"}
    columns = []
    for name in table.columns:
        dtype = str(table[name].dtype)
        if name == time.name:
            plain = "number" if courses.spacing.unit == "numbers" else "datetime"
            columns.append(Column(name, plain, "time", "each window is asked from its first step on", dtype))
        elif name in schema and schema[name].role == "target":
            columns.append(replace(schema[name], dtype=dtype))
        elif group is not None and name == group.name:
            columns.append(replace(group, kind="category", role="input", reason=SERIES))
        elif name in schema:
            columns.append(replace(schema[name], reason="its last known value"))
        elif name == ENDS:
            columns.append(Column(name, "datetime", "ignored", made, dtype))
        elif name == BLOCK:
            columns.append(Column(name, "number", "group", "windows of one block overlap", dtype))
        else:
            kind = kinds.get(name, "category" if table[name].dtype == pl.String else "number")
            columns.append(Column(name, kind, "input", made, dtype))
    return Schema(tuple(columns))
