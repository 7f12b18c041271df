"""Opening data whose texts are learned themselves, documents and chats; and what data ask where nobody says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luban.core.console import SILENT, Console
from luban.core.suggest import fold
from luban.data import chats
from luban.data.dataset import Dataset
from luban.data.open import open_dataset
from luban.data.sources import class_folders
from luban.recipe.edit import changed
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


def labelled(dataset: Dataset, recipe: Recipe) -> Recipe:
    """The recipe, whose target are the names of class folders where neither a target nor a task was asked for."""
    if recipe.target is not None or recipe.task is not None or not class_folders.has_classes(dataset.facts):
        return recipe
    return changed(recipe, {"target": class_folders.LABEL})


def rows(frame: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Rows as the task of a recipe reads them."""
    return chats.of_rows(frame, recipe.task or "", recipe.target) if chats.asks(recipe.task) else frame
