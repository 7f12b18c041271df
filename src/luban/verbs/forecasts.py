"""Forecasts as people ask for them: the steps ahead of a table of the past, and the windows that are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from luban.batch import Answers, Array, dense
from luban.core.errors import DataError
from luban.data.check import conform
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema
from luban.tasks import _windows
from luban.training.conformal import Conformal, span

if TYPE_CHECKING:
    from luban.verbs.answering import Answerer

DRAWN = 3
"""Windows in the picture."""
PAST = 60
"""Steps of the past in the picture, at most."""
BLOCK = _windows.BLOCK
"""The column of windows that says which of them overlap."""
USED = ("input", "target", "time", "group")
"""Roles of the columns that windows are made of."""


def ahead(answerer: Answerer, frame: pl.DataFrame, *, where: str = "the rows") -> pl.DataFrame:
    """The next steps of each series, one row a step: `row`, the time, the group, `prediction`, `low`, `high`.

    Raises DataError for series that are too short, or not evenly spaced.
    """
    task = _task(answerer)
    rows = _past(answerer, frame, where)
    windows, recipe = latest(answerer, frame, where=where), _recipe(answerer)
    answers = answerer.said(windows)
    times = task.ahead(rows, answerer.schema, recipe)
    said = dense(answers.prediction)
    horizon, count = said.shape[1], len(windows)
    columns = [pl.Series("row", np.arange(count * horizon)), pl.concat(times)]
    group = answerer.schema.one("group")
    if group is not None:
        columns.append(windows[group.name].gather(np.repeat(np.arange(count), horizon)))
    columns.append(pl.Series("prediction", said.ravel()))
    if answerer.conformal is not None:
        low, high = answerer.conformal.around(answers, _scale(windows, answerer.schema))
        columns += [pl.Series("low", low.ravel()), pl.Series("high", high.ravel())]
    elif answers.quantiles is not None:
        low, high = span(answers)
        columns += [pl.Series("low", low.ravel()), pl.Series("high", high.ravel())]
    return pl.DataFrame(columns)


def latest(answerer: Answerer, frame: pl.DataFrame, *, where: str) -> pl.DataFrame:
    """The window of each series whose answers lie ahead."""
    rows, recipe = _past(answerer, frame, where), _recipe(answerer)
    found: pl.DataFrame = _told(lambda: _task(answerer).latest(rows, answerer.schema, recipe), where)
    return found


def known(answerer: Answerer, frame: pl.DataFrame, *, where: str) -> pl.DataFrame:
    """The windows of other data whose target is known."""
    rows = _past(answerer, frame, where)
    task, recipe = _task(answerer), _recipe(answerer)
    found: pl.DataFrame = _told(lambda: task.measured(rows, answerer.schema, recipe), where)
    return found


def simplest(frame: pl.DataFrame, answerer: Answerer) -> Answers:
    """What the seasonal naive model of the bundle says about windows."""
    recipe = _recipe(answerer)
    offsets = np.array(answerer.baseline)
    naive, (level, spread) = _naive(frame, recipe, len(offsets))
    return answerer.task.answers((naive + offsets) * spread[:, None] + level[:, None])


def beyond_season(first: pl.DataFrame, recipe: Recipe, outputs: Array) -> list[float]:
    """(outputs,) what the seasonal naive model adds to the last season, scaled: 0 but for quantiles.

    first: one window. outputs: (outputs,) what the model says about it.
    """
    naive, (level, spread) = _naive(first, recipe, len(outputs))
    away = (outputs - level[0]) / spread[0] - naive[0]
    return [float(value) for value in np.where(np.abs(away) < 1e-4, 0.0, away)]


def _naive(frame: pl.DataFrame, recipe: Recipe, outputs: int) -> tuple[Array, tuple[Array, Array]]:
    sizes = _windows.Sizes.of(recipe)
    history, anchor = frame[_windows.HISTORY].to_numpy(), frame[_windows.ANCHOR].to_numpy()
    places = sizes.history - sizes.season + np.arange(sizes.horizon) % sizes.season
    repeated = np.tile(history[:, places], (1, outputs // sizes.horizon))
    return repeated, (anchor[:, 0], anchor[:, 1])


def pictures(
    schema: Schema, frame: pl.DataFrame, target: Array, answers: Answers, conformal: Conformal | None
) -> Mapping[str, Any]:
    """What is drawn of the latest test windows: the past, the truth, the forecast and its interval, by time."""
    time, name = schema.one("time"), schema.one("target")
    assert time is not None and name is not None, "windows have a time and a target"
    chosen = _latest_apart(frame, schema)
    low, high = conformal.around(answers, target[:, -1]) if conformal is not None else (None, None)
    drawn = []
    for row in chosen:
        ends = {} if low is None or high is None else {"low": low[row].tolist(), "high": high[row].tolist()}
        level, spread = frame[_windows.ANCHOR][row]
        past = np.asarray(frame[_windows.HISTORY][row])[-PAST:] * spread + level
        drawn.append(
            {
                "from": str(frame[time.name][row]).removesuffix(" 00:00:00"),
                "series": _series_of(frame, schema, row),
                "past": past.tolist(),
                "truth": target[row, :-1].tolist(),
                "prediction": dense(answers.prediction)[row].tolist(),
                **ends,
            }
        )
    return {"forecast": {"windows": drawn}}


def _latest_apart(frame: pl.DataFrame, schema: Schema) -> list[int]:
    """The latest window of up to three series; of a single one the latest windows that do not overlap."""
    names = [_series_of(frame, schema, row) for row in range(len(frame))]
    last = {name: row for row, name in enumerate(names)}
    if len(last) > 1:
        return sorted(last.values())[:DRAWN]
    blocks = frame[_windows.BLOCK].to_list()
    by_block = {block: row for row, block in enumerate(blocks)}
    return sorted(by_block.values())[-DRAWN:]


def _series_of(frame: pl.DataFrame, schema: Schema, row: int) -> str:
    """Which series a window is of; empty where there is one only."""
    found = [c.name for c in schema.inputs if c.reason == _windows.SERIES]
    return str(frame[found[0]][row]) if found else ""


def _past(answerer: Answerer, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """The rows with the columns that windows are made of, read as the schema has them."""
    used = [column for column in answerer.schema.columns if column.role in USED]
    asked = Schema(tuple(replace(column, role="input") for column in used))
    return conform(frame, asked, where=where)


def _told(make: Any, where: str) -> Any:
    """What is made; an error in it names the data."""
    try:
        return make()
    except DataError as error:
        place = where if error.where is None else f"{where}, {error.where}"
        raise DataError(error.message, where=place, fix=error.fix) from None


def target_name(answerer: Answerer) -> str:
    """The column of the values."""
    column = answerer.schema.one("target")
    assert column is not None, "a forecast has a target"
    return column.name


def _scale(windows: pl.DataFrame, schema: Schema) -> Array:
    column = schema.one("target")
    assert column is not None, "a forecast has a target"
    return windows[column.name].to_numpy()[:, -1]


def _recipe(answerer: Answerer) -> Recipe:
    assert answerer.windows is not None, "only forecasts have windows"
    return answerer.windows


def _task(answerer: Answerer) -> Any:
    return answerer.task
