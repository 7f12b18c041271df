"""Anomaly scores: how unlike the others a row is, without a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array
from luban.recipe.recipe import Train

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor


@final
class Anomaly:
    """A score from 0 on for each row; the higher, the stranger. What counts as high, the evidence tells.

    A network's own output is how badly it draws a row, so that is what it learns to make small.
    """

    name: ClassVar[str] = "anomaly"
    supervised: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ()
    compared_by: ClassVar[str] = ""
    baseline: ClassVar[str] = ""
    link: ClassVar[str] = "identity"

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        raise TypeError("anomalies are found, not given")

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 1

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        return Answers(outputs[:, 0])

    @staticmethod
    def loss(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
        """(rows,) what the network says itself; there is no target."""
        return outputs[:, 0]


task = Anomaly()
