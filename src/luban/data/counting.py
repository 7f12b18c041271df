"""What is counted of each column over all rows: missing values, different values, and the range of whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

EXACT = 1_000_000
"""Rows up to which different values are counted exactly."""
TOGETHER = 100
"""Columns that are estimated together ..."""
VALUES = 2_000_000
"""... and values that are counted together."""
FEWEST = 10
"""Rows below which it says nothing that all values differ."""


@dataclass(frozen=True)
class Count:
    """What was counted of a column over all rows. low, high: of whole numbers."""

    rows: int
    missing: int
    distinct: int
    low: int | None = None
    high: int | None = None

    @property
    def known(self) -> int:
        return self.rows - self.missing

    @property
    def all_differ(self) -> bool:
        # The estimate of the number of different values was seen to be an eighth too low.
        least = self.known if self.rows <= EXACT else 0.8 * self.known
        return self.known >= FEWEST and self.distinct >= least

    @property
    def unbroken(self) -> bool:
        """Whether the values are whole numbers that count the rows, in any order."""
        counts = self.low is not None and self.high is not None and self.high - self.low + 1 == self.known
        return counts and self.all_differ and not self.missing


def counts(frame: pl.LazyFrame, dtypes: pl.Schema, rows: int) -> dict[str, Count]:
    """What is counted of each column. dtypes: of the columns; rows: how many there are.

    >>> table = pl.LazyFrame({"town": ["Ulm", None, "Ulm"], "size": [3, 5, 4]})
    >>> counts(table, table.collect_schema(), 3)["town"], counts(table, table.collect_schema(), 3)["size"]
    (Count(rows=3, missing=1, distinct=1, low=None, high=None), Count(rows=3, missing=0, distinct=3, low=3, high=5))
    """
    # Images and series are large, and of them only the missing ones are counted: that needs no memory.
    nested = [name for name, dtype in dtypes.items() if dtype.is_nested()]
    names = [name for name in dtypes.names() if name not in nested]
    together = max(1, VALUES // max(rows, 1)) if rows <= EXACT else TOGETHER
    parts = [names[first : first + together] for first in range(0, len(names), together)]
    count = _exactly if rows <= EXACT else _roughly
    found = {name: each for part in parts for name, each in count(frame.select(part), rows).items()}
    return found | (_roughly(frame.select(nested), rows) if nested else {})


def _exactly(frame: pl.LazyFrame, rows: int) -> dict[str, Count]:
    found = {}
    for values in frame.collect():
        missing = values.null_count()
        # What is missing counts as a value of its own in polars.
        distinct = values.n_unique() - (missing > 0) if _is_counted(values.dtype) else rows - missing
        low, high = (values.min(), values.max()) if values.dtype.is_integer() else (None, None)
        found[values.name] = Count(rows, missing, distinct, low, high)  # type: ignore[arg-type]
    return found


def _roughly(frame: pl.LazyFrame, rows: int) -> dict[str, Count]:
    """The number of different values is estimated, in little memory; all else is exact."""
    dtypes = frame.collect_schema()
    counted = [name for name, dtype in dtypes.items() if _is_counted(dtype)]
    whole = [name for name, dtype in dtypes.items() if dtype.is_integer()]
    asked = [
        pl.all().null_count().name.prefix("missing "),
        pl.col(counted).approx_n_unique().name.prefix("distinct "),
        pl.col(whole).min().name.prefix("low "),
        pl.col(whole).max().name.prefix("high "),
    ]
    seen = frame.select(asked).collect(engine="streaming").row(0, named=True)
    found = {}
    for name in dtypes:
        missing = seen[f"missing {name}"]
        distinct = seen.get(f"distinct {name}", rows) - (missing > 0)
        distinct = max(min(distinct, rows - missing), int(missing < rows))
        found[name] = Count(rows, missing, distinct, seen.get(f"low {name}"), seen.get(f"high {name}"))
    return found


def _is_counted(dtype: pl.DataType) -> bool:
    return not dtype.is_nested() and dtype not in (pl.Object, pl.Binary)
