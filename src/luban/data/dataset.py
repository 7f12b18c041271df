"""A data set: rows that are read lazily, what their columns mean, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl

TEXTS, MEDIA = "texts", "files"
"""Formats, as facts have them, whose rows are files."""
FILE, PATH = "file", "path"
"""The columns of the names of these, and of where those lie that are no texts."""


@dataclass(frozen=True)
class Dataset:
    """Rows and what they mean.

    frame: the rows, lazily. rows: how many. schema: the columns in the order of the data.
    name: the stem of the file, the name of the sample, or `data`; a bundle takes it.
    where: the place as a message points at it.
    facts: what was guessed while reading, in words.
    dropped: how many rows were left out by reason; listed: up to 100 of them as (line, reason).
    fingerprint: equal for equal content that is read alike.
    split: the column that says of each row whether it is `train`, `validation` or `test`, where the data come so.
    """

    frame: pl.LazyFrame
    schema: Schema
    rows: int
    name: str
    fingerprint: str
    where: str = "the data"
    facts: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    listed: tuple[tuple[int, str], ...] = ()
    split: str | None = None

    @property
    def of_files(self) -> bool:
        """Whether each row is a file, whose name stands in the column `FILE`."""
        return rows_are_files(self.facts)


def rows_are_files(facts: Mapping[str, str]) -> bool:
    """Whether these facts are told of files, each of which is a row.

    >>> rows_are_files({"format": "texts"}), rows_are_files({"format": "csv"})
    (True, False)
    """
    return facts.get("format") in (TEXTS, MEDIA)


def left_out(dropped: Mapping[str, int]) -> list[str]:
    """What is said of rows that were left out, a line for each reason.

    >>> left_out({"no target": 1, "ragged": 1200})
    ['1 row is left out: no target', '1,200 rows are left out: ragged']
    """
    return [
        f"{rows:,} {'row is' if rows == 1 else 'rows are'} left out: {reason}"
        for reason, rows in dropped.items()
        if rows
    ]
