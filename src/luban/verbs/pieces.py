"""Answers that are pieces of a text: how the columns are read, and rows whose answer does not stand in its context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luban.core import registry
from luban.core.suggest import fold
from luban.data.readable import Unreadable
from luban.protocols import Spanning, Task
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl


def read(schema: Schema, recipe: Recipe) -> Schema:
    """The columns as the task that is asked for by name reads them, where its answers are pieces of a text."""
    name = fold(recipe.task or "")
    task: Task | None = registry.find("tasks", name) if name in registry.names("tasks") else None
    return task.read(schema) if isinstance(task, Spanning) and schema.one("target") is not None else schema


def placed(task: Spanning, frame: pl.LazyFrame, schema: Schema, target: pl.Series) -> pl.Series:
    """The answers and where each begins in its text."""
    return task.placed(_rows(frame, schema), target)


def unreadable(task: Spanning, frame: pl.LazyFrame, schema: Schema, target: pl.Series) -> tuple[Unreadable, ...]:
    """The rows that cannot be learned from. target: as `placed` gives it."""
    return tuple(
        Unreadable(row, column, reason)
        for row, (column, reason) in sorted(task.misplaced(_rows(frame, schema), target).items())
    )


def _rows(frame: pl.LazyFrame, schema: Schema) -> pl.DataFrame:
    names = [column.name for column in schema.columns if column.role in ("input", "place")]
    return frame.select(names).collect(engine="streaming")
