"""Breast cancer of Wisconsin: 569 tumours, 30 measurements of cell nuclei, malignant or benign (scikit-learn, UCI)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bundled


@final
class BreastCancer:
    """A table with two classes."""

    target: ClassVar[str] = "diagnosis"
    title: ClassVar[str] = "569 tumours: malignant or benign, from 30 measurements of cell nuclei"
    rows: ClassVar[int] = 569
    fetch: ClassVar[bool] = False
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        from sklearn.datasets import load_breast_cancer

        data = load_breast_cancer()
        answers = data.target_names[data.target].tolist()
        place.write_bytes(_bundled.csv(data.data, list(data.feature_names), self.target, answers))


sample = BreastCancer()
