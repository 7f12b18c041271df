"""Diabetes: 442 patients, ten measurements, and how far the disease had come in a year (scikit-learn; Efron, 2004)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bundled


@final
class Diabetes:
    """A small table with a number to predict."""

    target: ClassVar[str] = "progression"
    title: ClassVar[str] = "442 patients: how far diabetes came in a year, from ten measurements"
    rows: ClassVar[int] = 442
    fetch: ClassVar[bool] = False
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        from sklearn.datasets import load_diabetes

        data = load_diabetes(scaled=False)
        answers = data.target.astype(int).tolist()
        place.write_bytes(_bundled.csv(data.data, list(data.feature_names), self.target, answers))


sample = Diabetes()
