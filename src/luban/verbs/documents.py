"""Opening data whose texts are learned themselves: documents, and chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luban.core.console import SILENT, Console
from luban.core.suggest import fold
from luban.data import chats
from luban.data.dataset import Dataset
from luban.data.open import open_dataset
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema
from luban.training import packing

if TYPE_CHECKING:
    import polars as pl


def opened(data: Any, recipe: Recipe, *, like: Schema | None = None, console: Console = SILENT) -> Dataset:
    """The data set at a place, as `open_dataset` opens it, and as the task of a recipe reads it.

    like: a schema that the data must follow; chats follow none: they are looked at one by one.
    """
    task = fold(recipe.task or "")
    if not chats.asks(task):
        documents = packing.packs(task)
        columns = None if like is not None else recipe.columns
        return open_dataset(data, columns=columns, like=like, documents=documents, console=console)
    return chats.read(open_dataset(data, console=console), task, recipe.target)


def rows(frame: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Rows as the task of a recipe reads them."""
    return chats.of_rows(frame, recipe.task or "", recipe.target) if chats.asks(recipe.task) else frame
