"""Clustering: which rows belong together, without a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array

if TYPE_CHECKING:
    import polars as pl


@final
class Clustering:
    """Clusters are numbered from 0; a probability for each."""

    name: ClassVar[str] = "clustering"
    supervised: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ()
    compared_by: ClassVar[str] = "silhouette"
    baseline: ClassVar[str] = ""

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        raise TypeError("clusters are found, not given")

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 0

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        """The likeliest cluster of each row."""
        return Answers(outputs.argmax(axis=1), outputs)


task = Clustering()
