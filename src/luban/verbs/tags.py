"""Words that are tagged: how the columns are read, and rows that have other than a tag for each word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Answers, PerRow, Ragged
from luban.core import registry
from luban.core.suggest import fold
from luban.data.readable import Unreadable
from luban.protocols import Tagging, Task
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl


def read(schema: Schema, recipe: Recipe) -> Schema:
    """The columns as the task that is asked for by name reads them, where it reads them in its own way."""
    name = fold(recipe.task or "")
    task: Task | None = registry.find("tasks", name) if name in registry.names("tasks") else None
    return task.read(schema) if isinstance(task, Tagging) and schema.one("target") is not None else schema


def unreadable(task: Tagging, frame: pl.LazyFrame, column: str, target: pl.Series) -> tuple[Unreadable, ...]:
    """The rows whose tags do not fit the words of this column."""
    words = frame.select(column).collect(engine="streaming").to_series()
    return tuple(Unreadable(row, column, reason) for row, reason in task.problems(words, target).items())


def as_many(target: PerRow, answers: Answers) -> Ragged:
    """The target, without a step in rows that have not as many tags as words."""
    assert isinstance(target, Ragged) and isinstance(answers.prediction, Ragged), "each word has a tag"
    fits = np.flatnonzero(target.lengths == answers.prediction.lengths)
    return target[fits].placed(fits, len(target))
