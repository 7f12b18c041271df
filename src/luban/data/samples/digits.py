"""Digits: 1,797 handwritten digits of 8 by 8 grey values (scikit-learn, UCI)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bundled


@final
class Digits:
    """A table with ten classes, given as whole numbers."""

    target: ClassVar[str] = "digit"
    title: ClassVar[str] = "1,797 handwritten digits: which of ten, from 64 grey values"
    rows: ClassVar[int] = 1797
    fetch: ClassVar[bool] = False
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        from sklearn.datasets import load_digits

        data = load_digits()
        place.write_bytes(_bundled.csv(data.data, list(data.feature_names), self.target, data.target.tolist()))


sample = Digits()
