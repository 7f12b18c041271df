"""Regression: a value for each row."""

from __future__ import annotations

from typing import ClassVar, final

from luban.tasks import _values


@final
class Regression(_values.OfValues):
    """One number a row."""

    name: ClassVar[str] = "regression"
    metrics: ClassVar[tuple[str, ...]] = ("rmse", "mae", "r2", "median-absolute-error")
    compared_by: ClassVar[str] = "rmse"
    baseline: ClassVar[str] = "constant"


task = Regression()
