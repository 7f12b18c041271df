"""Anomaly scores: how unlike the others a row is, without a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array

if TYPE_CHECKING:
    import polars as pl


@final
class Anomaly:
    """A score in [0, 1] for each row; the higher, the stranger."""

    name: ClassVar[str] = "anomaly"
    supervised: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ()
    compared_by: ClassVar[str] = ""
    baseline: ClassVar[str] = ""

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        raise TypeError("anomalies are found, not given")

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 1

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        return Answers(outputs[:, 0])


task = Anomaly()
