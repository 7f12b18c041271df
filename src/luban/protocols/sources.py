"""Where data come from: a format of files, or a layout of folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Reading:
    """What a source found. frame: lazily, columns as stored. facts: what was guessed, as text by name.

    dropped: how many rows were left out by reason; listed: up to 100 of them as (line, reason).
    missing_words: by column, texts that were read as missing beside the usual ones.
    split: the column that says of each row whether it is `train`, `validation` or `test`, where the data come so.
    """

    frame: pl.LazyFrame
    facts: Mapping[str, str]
    dropped: Mapping[str, int] = field(default_factory=dict)
    listed: tuple[tuple[int, str], ...] = ()
    missing_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str | None = None


@dataclass(frozen=True)
class Wish:
    """How a column of texts is to be read, where that is known before.

    dtype: `String` keeps the text as it is; `Int64` and `Float64` want numbers; None lets the values decide.
    missing_words: texts that stand for no value. lenient: whatever is no number is read as missing, and told.
    """

    dtype: str | None = None
    missing_words: tuple[str, ...] = ()
    lenient: bool = False


class Source(Protocol):
    """A format of data files, or a layout of folders (`data/sources/`)."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the file, which starts with these bytes, is of this format; endings of names count before bytes.

        A folder comes with an empty head.
        """

    def files(self, path: Path) -> tuple[Path, ...]:
        """The files that `read` reads, in an order of their own; for most formats the path itself.

        Raises DataError where those that belong together cannot be told.
        """

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        """The rows, lazily. What cannot be read lazily in little memory is first written to the Parquet file `into`.

        Raises DataError that names the line where the file is damaged.
        """
