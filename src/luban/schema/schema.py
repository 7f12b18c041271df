"""Columns and schema: what each column of the data means, and why it is thought to."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from luban.core.errors import DataError
from luban.core.suggest import did_you_mean

Role = Literal["input", "target", "group", "time", "weight", "id", "split", "place", "ignored"]

MISSING = ("", "NA", "N/A", "#N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null")
"""What stands for no value in every column of a file of texts."""


@dataclass(frozen=True)
class Column:
    """One column.

    kind: its data type, the name of a folder of `features`, or `identifier` or `constant`.
    role: what it is used for.
    reason: why kind and role were chosen, in words.
    dtype: how it is stored, as polars writes it: `Int64`, `String`, `List(Float64)`.
    missing: share of rows without a value, 0 to 1.
    distinct: how many different values were seen; above a million rows an estimate.
    missing_words: texts that stand for no value in this column, beside those of `MISSING`.
    """

    name: str
    kind: str
    role: Role
    reason: str
    dtype: str
    missing: float = 0.0
    distinct: int = 0
    missing_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """The columns, in the order of the data."""

    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        """The column of this name; DataError with the near name when there is none."""
        if name not in self:
            raise DataError(f"there is no column '{name}'. {did_you_mean(name, self.names)}")
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @functools.cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns that a model sees."""
        return self.with_role("input")

    def with_role(self, role: Role) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role == role)

    def one(self, role: Role) -> Column | None:
        """The first column of a role, or None."""
        return next(iter(self.with_role(role)), None)

    def changed(self, columns: Iterable[Column]) -> Schema:
        """The schema with these columns in the place of those of the same name."""
        new = {column.name: column for column in columns}
        return Schema(tuple(new.get(column.name, column) for column in self.columns))

    def assigned(self, role: Role, names: Iterable[str], reason: str) -> Schema:
        """The schema with the role given to these columns."""
        return self.changed(replace(self[name], role=role, reason=reason) for name in names)

    def to_json(self) -> dict[str, Any]:
        return {"columns": [vars(column) for column in self.columns]}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Schema:
        columns = [{**column, "missing_words": tuple(column["missing_words"])} for column in document["columns"]]
        return cls(tuple(Column(**column) for column in columns))
