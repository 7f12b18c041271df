"""Parquet files, read lazily where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import polars as pl

from luban.core.errors import DataError
from luban.data.sources import _plain
from luban.protocols import Reading, Wish

_MAGIC = b"PAR1"


@final
class Parquet:
    """Files of the format Apache Parquet."""

    def recognises(self, path: Path, head: bytes) -> bool:
        return _plain.ending(path) in (".parquet", ".pq") or head.startswith(_MAGIC)

    def files(self, path: Path) -> tuple[Path, ...]:
        return (path,)

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        try:
            frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(
                f"it cannot be read as Parquet ({str(error).splitlines()[0]:.120}).",
                where=str(path),
                fix="write it again; the end of the file may be missing",
            ) from None
        return Reading(frame=frame, facts={"format": "parquet"})


source = Parquet()
