"""Iris: 150 flowers of three species, four lengths each (scikit-learn; Fisher, 1936)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bundled


@final
class Iris:
    """A small table with three classes."""

    target: ClassVar[str] = "species"
    title: ClassVar[str] = "150 flowers: which of three species, from four lengths"
    rows: ClassVar[int] = 150
    fetch: ClassVar[bool] = False
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        from sklearn.datasets import load_iris

        data = load_iris()
        answers = data.target_names[data.target].tolist()
        place.write_bytes(_bundled.csv(data.data, list(data.feature_names), self.target, answers))


sample = Iris()
