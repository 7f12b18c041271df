"""JSON lines: one object a line, `.jsonl` or `.ndjson`, plain, `.gz` or `.zst`; written to Parquet in a stream.

Keys become columns in the order in which they appear; a key that an object does not have is a missing value.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

import polars as pl
from polars.io.plugins import register_io_source

from luban.core.errors import DataError
from luban.data.sources import _plain
from luban.protocols import Reading, Wish

ENDINGS = (".jsonl", ".ndjson", ".jsonlines")
ROW_GROUP = 20_000


@final
class JsonLines:
    """Files of JSON objects."""

    def recognises(self, path: Path, head: bytes) -> bool:
        ending = _plain.ending(path)
        return ending in ENDINGS or (ending in ("", ".json") and head.lstrip().startswith(b"{"))

    def files(self, path: Path) -> tuple[Path, ...]:
        return (path,)

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        schema = _schema(path)
        if not schema:
            raise DataError("the file holds no objects.", where=str(path), fix="write one JSON object a line")
        rows = register_io_source(lambda names, predicate, count, size: _frames(path, schema, names), schema=schema)
        rows.sink_parquet(into, row_group_size=ROW_GROUP, compression="lz4")
        return Reading(frame=pl.scan_parquet(into), facts={"format": "JSON lines"})


def _blocks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines, and the number of the first of them."""
    rest, line = b"", 1
    for piece in _plain.pieces(path):
        block = rest + piece
        end = block.rfind(b"\n") + 1
        if end:
            yield block[:end], line
        line += block.count(b"\n", 0, end)
        rest = block[end:]
    if rest.strip():
        yield rest, line


def _schema(path: Path) -> dict[str, pl.DataType]:
    """The data type of each key, from all objects: the one that holds all of its values, text where none does."""
    found: dict[str, pl.DataType] = {}
    for block, line in _blocks(path):
        for name, dtype in _block_schema(block, line, path).items():
            found[name] = _both(found[name], dtype) if name in found else dtype
    return {name: pl.String() if dtype == pl.Null else dtype for name, dtype in found.items()}


def _block_schema(block: bytes, line: int, path: Path) -> Mapping[str, pl.DataType]:
    if not block.strip():
        return {}
    try:
        return pl.read_ndjson(io.BytesIO(block), infer_schema_length=None).schema
    except pl.exceptions.PolarsError:
        _complain(block, line, path)
    # Every line is sound for itself, so a key holds values of several types.
    return _loosely(block).schema


def _frames(path: Path, schema: Mapping[str, pl.DataType], names: list[str] | None) -> Iterator[pl.DataFrame]:
    wanted = list(schema) if names is None else names
    for block, _ in _blocks(path):
        if not block.strip():
            continue
        frame = (
            _loosely(block, schema) if _is_mixed(block, schema) else pl.read_ndjson(io.BytesIO(block), schema=schema)
        )
        yield frame.select(
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(schema[name], strict=False).alias(name)
            for name in wanted
        )


def _is_mixed(block: bytes, schema: Mapping[str, pl.DataType]) -> bool:
    try:
        own = pl.read_ndjson(io.BytesIO(block), infer_schema_length=None).schema
    except pl.exceptions.PolarsError:
        return True
    return any(schema[name] == pl.String and dtype not in (pl.String, pl.Null) for name, dtype in own.items())


def _loosely(block: bytes, schema: Mapping[str, pl.DataType] | None = None) -> pl.DataFrame:
    """The objects of a block. schema: what the whole file holds; what is a text there is written as one here."""
    texts = {name for name, dtype in (schema or {}).items() if dtype == pl.String}
    objects = [json.loads(text) for text in block.splitlines() if text.strip()]
    keys = list(dict.fromkeys(key for each in objects for key in each))
    return pl.DataFrame({key: _column([each.get(key) for each in objects], text=key in texts) for key in keys})


def _column(values: list[Any], *, text: bool = False) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if not text and (kinds <= {int, float} or len(kinds) == 1):
        return pl.Series(values, strict=False)
    return pl.Series([_written(value) for value in values], dtype=pl.String)


def _written(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _both(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """The data type that holds values of both."""
    if one == other or other == pl.Null:
        return one
    if one == pl.Null:
        return other
    if one.is_numeric() and other.is_numeric():
        return pl.Float64()
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(_both(_inner(one), _inner(other)))
    return pl.String()


def _inner(dtype: pl.List) -> pl.DataType:
    inner = dtype.inner
    return inner if isinstance(inner, pl.DataType) else inner()


def _complain(block: bytes, line: int, path: Path) -> None:
    """Raises DataError for the first line that is no JSON object."""
    for number, text in enumerate(block.splitlines(), start=line):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except ValueError as error:
            why = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "it is not UTF-8"
            raise _no_object(f"this line is not JSON: {why}.", path, number) from None
        if not isinstance(value, dict):
            raise _no_object("this line is JSON, but not an object.", path, number)


def _no_object(message: str, path: Path, line: int) -> DataError:
    return DataError(message, where=f"{path}, line {line}", fix='write one object a line: {"age": 31, "town": "Ulm"}')


source = JsonLines()
