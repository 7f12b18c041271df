"""Arrow files: Feather and the Arrow IPC format are read lazily where they lie, IPC streams by way of Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import polars as pl

from luban.core.errors import DataError
from luban.data.sources import _plain
from luban.protocols import Reading, Wish

_FILE = b"ARROW1"
_STREAM = b"\xff\xff\xff\xff"


@final
class Arrow:
    """Files of the Arrow IPC format."""

    def recognises(self, path: Path, head: bytes) -> bool:
        return _plain.ending(path) in (".arrow", ".feather", ".ipc", ".arrows") or head.startswith((_FILE, _STREAM))

    def files(self, path: Path) -> tuple[Path, ...]:
        return (path,)

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        try:
            if _plain.head(path, len(_FILE)).startswith(_STREAM):
                pl.read_ipc_stream(path).write_parquet(into)
                return Reading(frame=pl.scan_parquet(into), facts={"format": "arrow stream"})
            frame = pl.scan_ipc(path)
            frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(
                f"it cannot be read as an Arrow file ({str(error).splitlines()[0]:.120}).",
                where=str(path),
                fix="write it again as Feather version 2 or as Parquet",
            ) from None
        return Reading(frame=frame, facts={"format": "arrow"})


source = Arrow()
