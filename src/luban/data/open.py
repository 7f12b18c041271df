"""From the place of data, or a table of another library, to a data set: what was read, and what its columns mean."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any, cast

from luban.core import fingerprint
from luban.core.console import SILENT, Console
from luban.core.errors import DataError
from luban.core.suggest import fold
from luban.data import check, infer, loader, paths, places
from luban.data.dataset import FILE, Dataset, rows_are_files
from luban.data.frames import frame_of, is_frame, plain_types
from luban.data.places import Found
from luban.protocols import Reading, Wish
from luban.schema.schema import Schema

TEXT_KINDS = ("audio", "category", "datetime", "identifier", "image", "series", "text")
"""Data types whose values are read as text."""


def open_dataset(
    place: Any,
    *,
    columns: Mapping[str, str] | None = None,
    console: Console = SILENT,
    like: Schema | None = None,
    documents: bool = False,
) -> Dataset:
    """The data set at a place.

    place: a path, a glob, a folder, `-`, `sample:NAME`, or a table (polars, pandas, pyarrow, a mapping of columns).
    columns: data types that a person sets, by column.
    like: a schema that the data must follow: nothing is inferred, and values are read as it has them.
    documents: whether texts are learned themselves: then a file of text is documents, and no table.

    Raises UsageError for a place, a column or a data type that is not there, DataError for data that cannot be read,
    and ResourceError for a full disk or a missing permission.
    """
    asked = dict(columns or {})
    wishes = _wishes(asked, like)
    found = _of_frame(place) if is_frame(place) else places.read(str(place), wishes, console, documents)
    frame = plain_types(found.reading.frame)
    of_files = rows_are_files(found.reading.facts)
    if found.folder is not None and not of_files:
        frame = paths.resolved(frame, found.folder, asked, like)
    if not frame.collect_schema().names():
        raise DataError("the table has no columns.", where=found.where, fix="give columns and rows")
    rows = loader.count(frame)
    if not rows:
        raise DataError("there is no row, only column names.", where=found.where, fix="add rows below the header")
    if like is not None:
        frame, schema = check.follow(frame, like, where=found.where), like
    else:
        notes = {name: fact for name in frame.collect_schema() if (fact := found.reading.facts.get(f"column {name}"))}
        schema = infer.infer(frame, rows, asked=asked, missing_words=found.reading.missing_words, notes=notes)
        if of_files:
            schema = schema.changed([replace(schema[FILE], kind="identifier", reason="the file that a row is")])
    how = [places.READER, dict(found.reading.facts), asked, like.to_json() if like else None]
    return Dataset(
        frame=frame,
        schema=schema,
        rows=rows,
        name=found.name,
        fingerprint=fingerprint.of_json([found.content, how]),
        where=found.where,
        facts=found.reading.facts,
        dropped=found.reading.dropped,
        listed=found.reading.listed,
        split=found.reading.split,
    )


def _wishes(asked: Mapping[str, str], like: Schema | None) -> dict[str, Wish]:
    """How columns of texts are to be read, as far as that is known."""
    if like is not None:
        return {
            column.name: Wish(column.dtype if column.dtype in ("Int64", "Float64") else "String", column.missing_words)
            for column in like.columns
        }
    kinds = {name: fold(kind) for name, kind in asked.items()}
    return {
        name: Wish(dtype="String" if kind in TEXT_KINDS else None, lenient=kind == "number")
        for name, kind in kinds.items()
        if kind in TEXT_KINDS or kind == "number"
    }


def _of_frame(x: Any) -> Found:
    frame = frame_of(x)
    digest = _Digest()
    frame.rechunk().write_ipc_stream(cast(IO[bytes], digest))
    return Found("data", "the data", digest.hash.hexdigest(), Reading(frame=frame.lazy(), facts={"format": "a table"}))


class _Digest(io.RawIOBase):
    """A file that keeps only the fingerprint of what is written. Final."""

    def __init__(self) -> None:
        super().__init__()
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return len(data)
