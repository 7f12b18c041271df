"""Pairs of texts: which columns hold them, rows of which one is empty, and the tokens that both share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from luban.core import registry
from luban.core.suggest import fold
from luban.data.readable import Unreadable
from luban.protocols import Pairing
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

if TYPE_CHECKING:
    from luban.data.tensor_preprocessor import TensorPreprocessor
    from luban.recipe.recipe import Features


def read(schema: Schema, recipe: Recipe) -> Schema:
    """The columns as a task that compares pairs reads them, where one is asked for by name."""
    name = fold(recipe.task or "")
    task = registry.find("tasks", name) if name in registry.names("tasks") else None
    return task.pair(schema) if isinstance(task, Pairing) and schema.one("target") is not None else schema


def unreadable(frame: pl.LazyFrame, schema: Schema) -> tuple[Unreadable, ...]:
    """The rows of which a text is missing or has no letter, in their order."""
    names = [column.name for column in schema.inputs]
    empty = frame.select(
        (pl.col(name).cast(pl.String).fill_null("").str.strip_chars().str.len_chars() == 0) for name in names
    ).collect(engine="streaming")
    found = [
        Unreadable(int(row), name, f"its {name} is empty") for name in names for row in empty[name].arg_true().to_list()
    ]
    return tuple(sorted(found, key=lambda each: each.row))


def tensors(teaching: pl.DataFrame, schema: Schema, features: Features) -> TensorPreprocessor:
    """How networks see both texts: in tokens that the texts of either column teach, so that equal words are equal."""
    from luban.data.preprocessor import Part
    from luban.data.tensor_preprocessor import TensorPreprocessor

    text = registry.find("features", "text").tensor
    every = pl.concat([teaching.get_column(column.name).cast(pl.String).alias("") for column in schema.inputs])
    state = text.fit(every, features)
    return TensorPreprocessor(tuple(Part(column.name, column.kind, state) for column in schema.inputs), None)
