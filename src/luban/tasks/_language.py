"""What the tasks of language models share: one column of texts, no target, and a loss that the network says itself."""

from __future__ import annotations

from abc import ABC
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from luban.batch import Answers, Array, PerRow, dense
from luban.core.errors import UsageError
from luban.recipe.recipe import Train
from luban.schema.schema import Column, Schema

if TYPE_CHECKING:
    from torch import Tensor

LIKE_TEXT = ("text", "category", "identifier", "words")
"""Data types of columns whose values are texts."""


def documents(schema: Schema, task: str) -> Schema:
    """The columns with the one text as the only input; of several texts a person says which.

    Raises UsageError where there is none, or more than one.
    """
    texts = [column for column in schema.inputs if column.kind == "text"]
    if not texts:
        # Texts that all differ may be taken for names of rows, few ones for categories.
        texts = [c for c in schema.columns if c.role in ("input", "id", "ignored") and _can_be_read(c)]
    if len(texts) != 1:
        told = ", ".join(f"'{column.name}' ({column.kind})" for column in schema.columns[:8])
        what = "no column holds texts" if not texts else f"{len(texts)} columns hold texts"
        single = [c for c in schema.columns if c.dtype == "String" and c.kind == "constant"]
        if not texts and single:
            raise UsageError(
                f"'{single[0].name}' holds one document; whole documents are held out to measure, so more are needed.",
                where=f"--task {task}",
                fix="put empty lines between documents, or give a folder of files, each of which is one",
            )
        raise UsageError(
            f"{what}; one is learned from. The columns are: {told}.",
            where=f"--task {task}",
            fix="leave the others out: --set drop=COLUMN, or name a text: --column COLUMN=text",
        )
    (text,) = texts
    others = [c for c in schema.columns if c.role == "input" and c.name != text.name]
    read = replace(text, kind="text", role="input", reason="its texts are learned from")
    left = [replace(c, role="ignored", reason="a language model reads texts alone") for c in others]
    return schema.changed([read, *left])


def _can_be_read(column: Column) -> bool:
    return column.dtype == "String" and column.kind in LIKE_TEXT


def sizes(texts: pl.Series) -> Array:
    """(rows,) float64 bytes of each text."""
    return texts.cast(pl.String).fill_null("").str.len_bytes().to_numpy().astype(np.float64)


def answers(outputs: PerRow) -> Answers:
    """The perplexity of each text: e to the mean of -log p of its tokens."""
    counted = dense(outputs)
    return Answers(np.exp(counted[:, 0] / np.maximum(counted[:, 1], 1.0)), counted=counted)


def loss(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) what the network says itself; what it reads is what it is asked for."""
    return outputs[:, 0]


class LanguageModelling(ABC):
    """Abstract. What a task of language models is, whatever of a text it asks for."""

    name: ClassVar[str]
    supervised: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    link: ClassVar[str] = "identity"
    loss = staticmethod(loss)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        raise TypeError("what is learned is found, not given")

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        return answers(outputs)

    def documents(self, schema: Schema) -> Schema:
        return documents(schema, self.name)

    def sizes(self, texts: pl.Series) -> Array:
        return sizes(texts)
