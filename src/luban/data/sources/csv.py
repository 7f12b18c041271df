"""Values separated by commas, tabs, semicolons or bars: `.csv`, `.tsv`, `.txt`, plain, `.gz` or `.zst`.

Encoding, delimiter, quotes, header and data types are guessed and told. The rows go to Parquet block by block, so
memory stays flat. Rows with too many or too few values are left out, counted and listed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import final

import polars as pl
from polars.io.plugins import register_io_source

from luban.core.errors import DataError
from luban.data.sources import _dialect, _encoding, _plain, _rows, _texts
from luban.data.sources._dialect import Dialect
from luban.protocols import Reading, Wish

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".data", ".psv")
ROW_GROUP = 20_000
"""Rows of a Parquet file that are written, and later read, together."""


class _Unsound(Exception):  # noqa: N818 - no error: the file is then read row by row
    """A row cannot be parsed as it is."""


@final
class Csv:
    """Files of separated values."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the ending of the name; anything else that is text counts as well."""
        ending = _plain.ending(path)
        return ending in ENDINGS or (ending != ".json" and b"\0" not in head[:1000])

    def files(self, path: Path) -> tuple[Path, ...]:
        return (path,)

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        where, left = str(path), _rows.Left()
        head = _plain.head(path)
        if not head.strip():
            raise DataError("the file is empty.", where=where, fix="check that it was written to the end")
        encoding, why = _encoding.guess(path, head)
        text = head.decode(encoding, "ignore").removeprefix("\ufeff")
        dialect = _dialect.guess(text, where=where, ending=_plain.ending(path))
        comma = dialect.delimiter != ","
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=".rows.") as scratch:
            sound, plain = path, dialect
            try:
                if encoding != "utf-8":
                    raise _Unsound
                columns = _texts.decide(_checked(path, dialect), dialect.names, wishes, comma=comma)
            except _Unsound:
                sound, plain = Path(scratch, "sound.csv"), replace(dialect, delimiter=",", quote='"', header=True)
                left = _rows.copy(path, encoding, dialect, sound, where=where)
                columns = _texts.decide(_frames(sound, plain), dialect.names, wishes, comma=comma)
            typed = [column.expression(name, spaced=dialect.spaced) for name, column in columns.items()]
            texts = register_io_source(
                lambda names, predicate, rows, size: _frames(sound, plain, names),
                schema=dict.fromkeys(dialect.names, pl.String),
            )
            texts.select(typed).sink_parquet(into, row_group_size=ROW_GROUP, compression="lz4")
        return Reading(
            frame=pl.scan_parquet(into),
            facts={
                "format": "separated values",
                "encoding": encoding if encoding == "utf-8" else f"{encoding}: {why}",
                **dialect.facts,
                **{f"column {name}": column.fact for name, column in columns.items() if column.fact},
            },
            dropped=dict(left.dropped),
            listed=tuple(left.listed),
            missing_words={name: column.words for name, column in columns.items() if column.words},
        )


def _checked(path: Path, dialect: Dialect) -> Iterator[pl.DataFrame]:
    """The rows as texts, while they are sound."""
    header = dialect.header
    for block in _rows.blocks(path, dialect):
        if not _rows.sound(block, dialect):
            raise _Unsound
        yield _parsed(block, dialect, header=header)
        header = False


def _frames(path: Path, dialect: Dialect, names: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """The rows of a file whose rows are sound, as texts."""
    header = dialect.header
    for block in _rows.blocks(path, dialect):
        frame = _parsed(block, dialect, header=header)
        yield frame if names is None else frame.select(names)
        header = False


def _parsed(block: bytes, dialect: Dialect, *, header: bool) -> pl.DataFrame:
    return pl.read_csv(
        block,
        separator=dialect.delimiter,
        quote_char=dialect.quote,
        has_header=header,
        infer_schema=False,
        new_columns=list(dialect.names),
    )


source = Csv()
