"""Forecasting: the next values of series, each row a window of the past and the steps that follow it.

The series and their spacing are in `_series` and `_spacing`, what makes rows of them in `_windows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Answers, Array, PerRow, dense
from luban.core.errors import DataError, LubanError, UsageError
from luban.protocols import Arranged
from luban.recipe.recipe import Recipe, Train
from luban.schema.schema import Schema
from luban.tasks import _losses, _series, _windows

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class Forecasting:
    """The next `horizon` values of each series, and where they are asked for, quantiles of each.

    outputs: (rows, horizon) values; of quantiles (rows, shares * horizon), all steps of the first share first.
    horizon: 0 for the task before a recipe is known (`asked`). quantiles: rising shares, or none.
    """

    name: ClassVar[str] = "forecasting"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("mase", "mae", "rmse", "pinball")
    compared_by: ClassVar[str] = "mase"
    baseline: ClassVar[str] = "seasonal-naive"
    link: ClassVar[str] = "identity"
    horizon: int = 0
    quantiles: tuple[float, ...] = ()

    def asked(self, recipe: Recipe) -> Forecasting:
        """The task as a recipe asks for it, in which nothing is open."""
        shares = tuple(sorted(recipe.train.quantiles)) if recipe.train.loss == "quantile" else ()
        return Forecasting(_windows.Sizes.of(recipe).horizon, shares)

    def arrange(self, frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> Arranged:
        """All windows whose target is known."""
        if schema.one("weight") is not None:
            raise UsageError("windows of series have no weights.", where="--weight", fix="leave it out")
        data = frame.collect(engine="streaming")
        courses = _series.read(data, schema, recipe.forecast.step)
        recipe = _windows.resolved(courses, recipe)
        fewest = _windows.fewest_windows(_windows.Sizes.of(recipe).horizon, recipe)
        windows, short = _windows.known(courses, recipe, fewest=fewest)
        told = {**courses.told, **({"series are too short for a window": short} if short else {})}
        table, made = _windows.frame(data, schema, courses, windows, recipe)
        return Arranged(table, made, recipe, self.asked(recipe), _windows.ENDS, told)

    def measured(self, frame: pl.DataFrame, schema: Schema, recipe: Recipe) -> pl.DataFrame:
        """All windows of other data whose target is known. recipe: with nothing open."""
        courses = _series.read(frame, schema, recipe.forecast.step)
        windows, _ = _windows.known(courses, recipe, fewest=1)
        return _windows.frame(frame, schema, courses, windows, recipe)[0]

    def latest(self, frame: pl.DataFrame, schema: Schema, recipe: Recipe) -> pl.DataFrame:
        """The window of each series whose target lies ahead of it."""
        courses = _series.read(frame, schema, recipe.forecast.step)
        return _windows.frame(frame, schema, courses, _windows.latest(courses, recipe), recipe)[0]

    def ahead(self, frame: pl.DataFrame, schema: Schema, recipe: Recipe) -> list[pl.Series]:
        """The times of the steps that `latest` asks for, of each series as the data write them."""
        courses = _series.read(frame, schema, recipe.forecast.step)
        name, like = courses.time.name, frame[courses.time.name].dtype
        steps = [courses.spacing.after(course.times, self.horizon) for course in courses.series]
        return [_written(pl.Series(name, times), like, courses.reading) for times in steps]

    def suggested(self, frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> str | None:
        """Times that are evenly spaced, a number at each, and nothing else: then what comes next is the question."""
        time, target, group = schema.one("time"), schema.one("target"), schema.one("group")
        inputs = [column for column in schema.inputs if column is not time]
        if target is None or (time is None and [column.kind for column in inputs] != ["datetime"]) or (time and inputs):
            return None
        named = [column.name for column in (time or inputs[0], target, group) if column is not None]
        try:
            data = frame.select(named).collect(engine="streaming")
            courses = _series.read(data, schema, recipe.forecast.step)
            settled = _windows.resolved(courses, recipe)
            horizon = _windows.Sizes.of(settled).horizon
            _windows.known(courses, settled, fewest=_windows.fewest_windows(horizon, settled))
        except LubanError:
            return None  # what cannot be forecast is a question of another kind
        return (
            f"'{courses.time.name}' has steps of {courses.spacing}, and no other column says anything of "
            f"'{target.name}': what comes next is asked (--task regression if not)"
        )

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """None. Raises DataError where the target holds what is no number."""
        if positive is not None:
            raise UsageError("values have no positive class.", where="--positive", fix="leave it out")
        values = target.to_numpy() if target.dtype in (pl.List, pl.Array) else _series.numbers(target)
        if target.dtype not in (pl.List, pl.Array) and not np.isfinite(values).any():
            raise DataError(
                "the target has no finite values.", where=f"column '{target.name}'", fix="choose another --target"
            )
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        """(rows, horizon + 1) float64 of the lists of windows: the values, and what errors are scaled by."""
        return np.stack([np.asarray(row, dtype=np.float64) for row in target.to_list()])

    def outputs(self, classes: tuple[str, ...]) -> int:
        return self.horizon * max(len(self.quantiles), 1)

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        """The values; of quantiles the middle one. Quantiles are put in order (Chernozhukov et al., 2010)."""
        if not self.quantiles:
            return Answers(outputs)
        rising = np.sort(dense(outputs).reshape(len(outputs), len(self.quantiles), -1), axis=1).swapaxes(1, 2)
        middle = int(np.argmin(np.abs(np.array(self.quantiles) - 0.5)))
        return Answers(rising[:, :, middle], quantiles=rising, shares=self.quantiles)

    @staticmethod
    def loss(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
        """(rows,) the pinball loss of quantiles, else the loss of values; the mean over the steps."""
        if train.loss == "quantile":
            return _losses.of_quantiles(outputs, target, train)
        return _losses.of_values(outputs, target, train)


def _written(times: pl.Series, like: pl.DataType, reading: str | None) -> pl.Series:
    """Times in the type of a column, and where that is a text, in its format."""
    if like == pl.String:
        if reading is None:
            return times.cast(pl.String)
        return times.dt.replace_time_zone("UTC").dt.to_string(reading.replace("%#z", "%z"))
    if times.dtype == pl.Float64:
        return times.cast(like) if like.is_numeric() else times
    if like.is_numeric():
        per = {"s": 1_000_000, "ms": 1_000, "us": 1}[reading or "s"]
        return (times.cast(pl.Datetime("us")).cast(pl.Int64) // per).cast(like)
    if isinstance(like, pl.Datetime) and like.time_zone is not None:
        return times.cast(pl.Datetime("us")).dt.replace_time_zone(like.time_zone, ambiguous="earliest")
    return times.cast(like)


task = Forecasting()
