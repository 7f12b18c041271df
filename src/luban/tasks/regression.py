"""Regression: a value for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array
from luban.tasks import _losses, _values

if TYPE_CHECKING:
    import polars as pl


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
        _values.check(target, positive, self.name)
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        """(rows,) float64; NaN where there is no finite value."""
        return _values.encode(target)

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 1

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        return Answers(outputs[:, 0])


task = Regression()
