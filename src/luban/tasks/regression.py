"""Regression: a value for each row."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Answers, Array
from luban.core.errors import DataError, UsageError
from luban.tasks import _losses

LARGEST = 1e150
"""Squares of larger values leave the range of floats."""


@final
class Regression:
    """One number a row."""

    name: ClassVar[str] = "regression"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("rmse", "mae", "r2", "median-absolute-error")
    compared_by: ClassVar[str] = "rmse"
    baseline: ClassVar[str] = "constant"
    link: ClassVar[str] = "identity"
    loss = staticmethod(_losses.of_values)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """None. Raises DataError where the target holds texts, or one value only."""
        if positive is not None:
            raise UsageError("values have no positive class.", where="--positive", fix="leave it out")
        where = f"column '{target.name}'"
        if not (target.dtype.is_numeric() or target.dtype in (pl.Boolean, pl.Null)):
            values = target.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
            wrong = (target.is_not_null() & values.is_null()).arg_true()
            if len(wrong):
                raise DataError(
                    f"row {wrong[0]} holds '{target[wrong[0]]!s:.40}', and regression needs a number in every row.",
                    where=where,
                    fix="--task multiclass if these are classes, or correct the row",
                )
        known = self.encode(target, ())
        known = known[np.isfinite(known)]
        if not len(known):
            raise DataError(f"no value is finite and below {LARGEST:g}.", where=where, fix="choose another --target")
        if np.all(known == known[0]):
            told = f"all values are {known[0]:g}; nothing is left to predict."
            raise DataError(told, where=where, fix="choose another --target")
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        """(rows,) float64; NaN where there is no finite value."""
        values = target.str.strip_chars() if target.dtype == pl.String else target
        numbers = values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().copy()
        numbers[~(np.abs(numbers) < LARGEST)] = np.nan
        return numbers

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 1

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        return Answers(outputs[:, 0])


task = Regression()
