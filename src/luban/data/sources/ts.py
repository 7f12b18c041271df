"""Series of the UCR/UEA archive: a file `NAME.ts`, or a folder with `NAME_TRAIN.ts` and `NAME_TEST.ts`.

A row has a `series`, its values in steps, or its steps in values of each channel, and a `label`, the class or the
number that it is known by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from luban.core.errors import DataError
from luban.data.sources import _folders, _plain, _series
from luban.protocols import Reading, Wish

TOGETHER = 1 << 20
"""Values that are written to Parquet together, at least."""
ROW_GROUP = 4_096


@final
class Ts:
    """Files of series."""

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return any(_plain.ending(each) == ".ts" for each in path.iterdir() if each.is_file())
        # Programs in TypeScript and films end alike.
        return _plain.ending(path) == ".ts" and head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"@", b"#"))

    def files(self, path: Path) -> tuple[Path, ...]:
        if not path.is_dir():
            return (path,)
        found = sorted(each for each in path.iterdir() if each.is_file() and _plain.ending(each) == ".ts")
        parts = [_part(each) for each in found]
        families = {
            _stem(each).rpartition("_")[0] if part else _stem(each) for each, part in zip(found, parts, strict=True)
        }
        if len(found) > 1 and (None in parts or len(set(parts)) < len(parts) or len(families) > 1):
            raise DataError(
                f"the folder holds files of several sets ({', '.join(each.name for each in found[:4])}).",
                where=str(path),
                fix=f"give one file: {found[0]}",
            )
        return tuple(sorted(found, key=lambda each: _folders.ORDER.index(_part(each) or "train")))

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        files = self.files(path)
        headers = [_series.header(file) for file in files]
        target = headers[0].target
        channels = {_channels(file, header) for file, header in zip(files, headers, strict=True)}
        if len(channels) > 1 or len({header.target for header in headers}) > 1:
            raise DataError(
                "its series have other channels, or another kind of label, than those beside it.",
                where=str(files[-1]),
                fix="give files of one set",
            )
        many = channels.pop() > 1
        split = len(files) > 1
        inner = pl.List(pl.Float64)
        schema: dict[str, pl.DataType] = {"series": pl.List(inner) if many else inner}
        if target != "none":
            schema["label"] = pl.String() if target == "class" else pl.Float64()
        schema |= {_folders.SPLIT: pl.String()} if split else {}
        register_io_source(lambda names, *_: _frames(files, headers, schema, many, names), schema=schema).sink_parquet(
            into, row_group_size=ROW_GROUP, compression="lz4"
        )
        facts = {
            "format": "UCR/UEA series",
            "label": {"class": "a class", "number": "a number", "none": "none"}[target],
        }
        return Reading(pl.scan_parquet(into), facts, split=_folders.SPLIT if split else None)


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _part(path: Path) -> str | None:
    return _folders.part(_stem(path).rpartition("_")[2])


def _channels(path: Path, header: _series.Header) -> int:
    if header.channels is not None:
        return header.channels
    first = next(_series.rows(path, header), None)
    return 1 if first is None else first.values.shape[1]


def _frames(
    files: tuple[Path, ...],
    headers: list[_series.Header],
    schema: Mapping[str, pl.DataType],
    many: bool,
    names: list[str] | None,
) -> Iterator[pl.DataFrame]:
    for path, header in zip(files, headers, strict=True):
        for some in _together(_series.rows(path, header)):
            columns = {"series": _column(some, many)}
            if "label" in schema:
                labels = pl.Series("label", [row.target for row in some], dtype=pl.String)
                columns["label"] = labels.cast(schema["label"])
            if _folders.SPLIT in schema:
                columns[_folders.SPLIT] = pl.Series([_part(path)] * len(some))
            frame = pl.DataFrame(columns)
            yield frame if names is None else frame.select(names)


def _together(rows: Iterator[_series.Row]) -> Iterator[list[_series.Row]]:
    some: list[_series.Row] = []
    values = 0
    for row in rows:
        some.append(row)
        values += row.values.size
        if values >= TOGETHER:
            yield some
            some, values = [], 0
    if some:
        yield some


def _column(rows: list[_series.Row], many: bool) -> pl.Series:
    """The series of rows as lists; what is not known is missing."""
    steps = np.concatenate([row.values for row in rows])
    flat = pl.Series("series", steps if many else steps[:, 0])
    if many:
        flat = flat.cast(pl.List(pl.Float64))
    numbers = np.repeat(np.arange(len(rows)), [len(row.values) for row in rows])
    table = pl.DataFrame({"row": numbers, "series": flat})
    if np.isnan(steps).any():
        known = pl.element().fill_nan(None)
        table = table.with_columns(pl.col("series").list.eval(known) if many else pl.col("series").fill_nan(None))
    return table.group_by("row", maintain_order=True).agg("series").get_column("series")


source = Ts()
