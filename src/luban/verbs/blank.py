"""Rows that hold nothing of what a model reads: they are answered all the same, and it is told which they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import polars as pl

SHOWN = 10
"""Rows that are told by their numbers."""


@final
@dataclass
class Blank:
    """Counts rows, slice by slice, in which each of these columns is missing, or a text without a sign.

    seen: rows that went by; rows: how many of them are blank; first: the numbers of the first of these, from 0 on.

    >>> import polars as pl
    >>> blank = Blank(["title", "text"])
    >>> blank.see(pl.DataFrame({"title": ["a", "", None], "text": [None, " ", None]}))
    >>> blank.told()
    '2 rows are empty in all that is read, and are answered all the same: rows 1, 2'
    """

    columns: Sequence[str]
    seen: int = 0
    rows: int = 0
    first: list[int] = field(default_factory=list)

    def see(self, slice: pl.DataFrame) -> None:
        """Counts the blank ones among the rows that come next."""
        import polars as pl

        there = [name for name in self.columns if name in slice.columns]
        if there:
            empty = slice.select(pl.all_horizontal(_empty(slice, name) for name in there)).to_series()
            self.rows += int(empty.sum())
            self.first += [self.seen + row for row in empty.arg_true().head(SHOWN - len(self.first)).to_list()]
        self.seen += len(slice)

    def told(self) -> str | None:
        """What is said of them, in a line; None where there are none."""
        if not self.rows:
            return None
        numbers = ", ".join(str(row) for row in self.first) + (", ..." if self.rows > len(self.first) else "")
        if self.rows == 1:
            return f"1 row is empty in all that is read, and is answered all the same: row {numbers}"
        return f"{self.rows:,} rows are empty in all that is read, and are answered all the same: rows {numbers}"

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "first": self.first}


def _empty(slice: pl.DataFrame, name: str) -> pl.Expr:
    """Whether the column holds nothing in a row."""
    import polars as pl

    column = pl.col(name)
    return column.is_null() | (column.str.strip_chars() == "") if slice[name].dtype == pl.String else column.is_null()
