"""Wine: 178 wines of three cultivars, 13 chemical measurements (scikit-learn, UCI)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bundled

CULTIVARS = ("barolo", "grignolino", "barbera")
"""The cultivars in the order of their numbers: Forina and others, PARVUS (1988)."""


@final
class Wine:
    """A small table with three classes."""

    target: ClassVar[str] = "cultivar"
    title: ClassVar[str] = "178 wines: which of three cultivars, from 13 chemical measurements"
    rows: ClassVar[int] = 178
    fetch: ClassVar[bool] = False
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        from sklearn.datasets import load_wine

        data = load_wine()
        names = [CULTIVARS[code] for code in data.target]
        place.write_bytes(_bundled.csv(data.data, list(data.feature_names), self.target, names))


sample = Wine()
