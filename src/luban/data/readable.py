"""Rows whose images, sounds or series cannot be read: found before anything is learned, listed, and left out; refused
when they are many, or when they ask for an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from luban.core import registry
from luban.core.errors import DataError
from luban.data import loader
from luban.protocols import State
from luban.recipe.recipe import Features
from luban.schema.schema import Column

KINDS = ("audio", "image", "series")
"""Data types whose values may be unreadable, each for a reason of its own."""
FEW = 0.01
"""Share of the rows up to which unreadable ones are left out without being asked for."""
_FILES = ("audio", "image")
"""Those whose values are the paths of files, where they are texts."""
_LONGEST_PATH = 300
_AT_ONCE = 4_096
_LEARNED = 64


@dataclass(frozen=True)
class Unreadable:
    """A value that cannot be read. row: its 0-based number in the table. reason: in words. file: where its path stands
    in the table; a longer text is none.
    """

    row: int
    column: str
    reason: str
    file: str | None = field(default=None, repr=False)

    @property
    def told(self) -> str:
        """The reason, behind the file.

        >>> Unreadable(0, "path", "the image is damaged", "cats/7.png").told
        'cats/7.png: the image is damaged'
        """
        return self.reason if self.file is None or self.file in self.reason else f"{self.file}: {self.reason}"


def scan(frame: pl.LazyFrame, columns: Sequence[Column], settings: Features) -> tuple[Unreadable, ...]:
    """The rows that cannot be read, in their order; of each its first value that cannot. The table is read once.

    >>> table = pl.LazyFrame({"pulse": ["1 2 3", "4 x", "5"]})
    >>> scan(table, [Column("pulse", "series", "input", "", "String")], Features())
    (Unreadable(row=1, column='pulse', reason="'x' is not a number"),)
    """
    kinds = {column.name: column.kind for column in columns if column.kind in KINDS}
    if not kinds:
        return ()
    found: list[Unreadable] = []
    states: dict[str, State] = {}
    first_row = 0
    for part in loader.slices(frame, list(kinds), size=_AT_ONCE):
        if not states:
            # What values must have in common, such as the number of channels, the first ones say.
            head = part.head(_LEARNED)
            states = {name: _feature(kind).fit(head.get_column(name), settings) for name, kind in kinds.items()}
        found += _unreadable(part, kinds, states, first_row)
        first_row += len(part)
    return tuple(found)


def refuse_many(found: Sequence[Unreadable], rows: int, settings: Features, *, where: str) -> None:
    """Raises DataError where more than `FEW` of the rows cannot be read, and the recipe does not say to drop them."""
    if settings.unreadable == "drop" or len(found) <= FEW * rows:
        return
    first = found[0]
    raise DataError(
        f"{first.told}. {len(found):,} of {rows:,} rows cannot be read, and more than {FEW:.0%} stop a run.",
        where=f"{where}, column '{first.column}', row {first.row}",
        fix=f"mend these rows, go on without them (--set features.unreadable=drop), or without the column "
        f"(--set drop={first.column})",
    )


def demand(
    frame: pl.DataFrame, columns: Sequence[Column], states: Mapping[str, State], *, where: str, first_row: int = 0
) -> None:
    """Raises DataError that names place, column and row for the first value that cannot be read.

    states: what was learned of columns, by name. first_row: the number of the first row of this table, for messages.
    """
    kinds = {column.name: column.kind for column in columns if column.kind in KINDS and column.name in states}
    found = _unreadable(frame, kinds, states, first_row) if kinds else []
    if found:
        first = found[0]
        more = f" ({len(found):,} such rows)" if len(found) > 1 else ""
        raise DataError(
            f"{first.told}{more}.",
            where=f"{where}, column '{first.column}', row {first.row}",
            fix="correct the value, or leave it empty if it is not known",
        )


def _unreadable(
    frame: pl.DataFrame, kinds: Mapping[str, str], states: Mapping[str, State], first_row: int
) -> list[Unreadable]:
    """In the order of the rows, one a row."""
    found: dict[int, Unreadable] = {}
    for name, kind in kinds.items():
        values = frame.get_column(name)
        of_files = kind in _FILES and values.dtype == pl.String
        reasons = _feature(kind).problems(values, states[name])
        for row, reason in enumerate(reasons, start=first_row):
            if reason is not None:
                file = values[row - first_row] if of_files and len(values[row - first_row]) <= _LONGEST_PATH else None
                found.setdefault(row, Unreadable(row, name, reason, file))
    return [found[row] for row in sorted(found)]


def _feature(kind: str) -> Any:
    return registry.find("features", kind)
