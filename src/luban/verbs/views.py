"""How models see the rows of a data set: as a matrix, and networks as tensors; learned from rows that train."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import polars as pl

from luban.batch import Array
from luban.core import registry
from luban.core.errors import DataError
from luban.core.seed import derive
from luban.data import loader
from luban.data.dataset import Dataset
from luban.data.preprocessor import Preprocessor
from luban.protocols import Modelling, Pairing, Task
from luban.recipe.recipe import Features, Recipe
from luban.schema.schema import Schema
from luban.training import packing, spanning, writing
from luban.verbs import coding, pairs

if TYPE_CHECKING:
    from luban.data.tensor_preprocessor import TensorPreprocessor

LEARNED_FROM = 200_000
"""Rows that preprocessing is learned from at most: medians and vocabularies change no more beyond."""


def learned(
    dataset: Dataset, frame: pl.LazyFrame, schema: Schema, recipe: Recipe, task: Task, train: Array
) -> tuple[Preprocessor, TensorPreprocessor | None]:
    """What encodes rows as a matrix, and as tensors where networks see them so; or as an autoencoder saw others.

    train: (rows,) numbers of those that train. Raises DataError where no column is left.
    """
    inputs = [column.name for column in schema.inputs]
    if not inputs:
        raise DataError("no column is left to learn from.", where=dataset.where, fix=f"luban inspect {dataset.where}")
    learned_from = loader.sampled(train, LEARNED_FROM, derive(recipe.seed, "preprocessing"))
    teaching = loader.take(frame, learned_from, inputs)
    known = coding.as_learned(schema, recipe)
    if isinstance(known, Preprocessor):
        return known, None
    # Texts that are learned themselves are seen as tokens alone: a matrix of their words would only take time.
    alone = isinstance(task, Modelling | Pairing)
    matrix = Preprocessor(()) if alone else Preprocessor.fit(teaching, schema, recipe.features)
    if known is not None:
        return matrix, known  # type: ignore[return-value]
    if isinstance(task, Pairing) and importlib.util.find_spec("torch") is not None:
        return matrix, pairs.tensors(teaching, schema, _seen(recipe.features, task.name))
    return matrix, _tensors(teaching, schema, _seen(recipe.features, task.name))


def _seen(features: Features, task: str) -> Features:
    """How networks see texts for a task."""
    return spanning.seen(packing.seen(writing.seen(features, task), task), task)


def _tensors(frame: pl.DataFrame, schema: Schema, features: Features) -> TensorPreprocessor | None:
    """How networks see the rows: as tensors, where a column has one of its own and networks can be trained at all."""
    own = any(registry.find("features", column.kind).tensor is not None for column in schema.inputs)
    if not own or importlib.util.find_spec("torch") is None:
        return None
    from luban.data.tensor_preprocessor import TensorPreprocessor

    return TensorPreprocessor.fit(frame, schema, features)
