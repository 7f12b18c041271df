"""The documents of a language model: which are refused before any work, and how much text there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Array, dense, ragged
from luban.core.errors import DataError
from luban.data import chats, loader
from luban.protocols import Modelling
from luban.recipe.recipe import Candidate
from luban.training import chatting
from luban.training.unit import Training
from luban.verbs import encoding
from luban.verbs.preparing import Prepared


def refuse(prepared: Prepared, training: Training) -> None:
    """Raises DataError for documents that nothing can be learned from, or told of."""
    _refuse_empty(prepared)
    _refuse_silent(prepared, training)


def _refuse_empty(prepared: Prepared) -> None:
    """Raises DataError where no document that trains has a word, or none of those that are held out."""
    (column,) = prepared.schema.inputs
    for what, rows in (("to learn from", prepared.division.train), ("that are held out", prepared.division.test)):
        some = loader.take(prepared.frame, rows, [column.name]).get_column(column.name).cast(pl.String)
        if not (some.fill_null("").str.strip_chars().str.len_chars() > 0).any():
            raise DataError(
                f"all texts {what} are empty.",
                where=f"{prepared.dataset.where}, column '{column.name}'",
                fix="give documents with words in them",
            )


def _refuse_silent(prepared: Prepared, training: Training) -> None:
    """Raises DataError for a chat of which no answer is left once it is cut to what the model reads."""
    if not chats.asks(prepared.task.name) or training.tensors is None:
        return
    seen = training.seen_by(Candidate(model=prepared.task.baseline))
    silent = np.flatnonzero(chatting.said(seen.batch, seen.work) == 0)
    if len(silent):
        ((_, shape),) = seen.work.shapes.items()
        most = shape.longest // 2
        raise DataError(
            f"its prompt fills the {most:,} tokens that are read of a chat, so no answer is left.",
            where=f"{prepared.dataset.where}, row {encoding.rows_of(prepared)[silent[0]]}",
            fix="shorten the prompt; --set features.longest=N reads more, up to the context of the model",
        )


def sizes(prepared: Prepared) -> Array:
    """(documents,) float64: the bytes of each one that is held out, as the task counts them."""
    assert isinstance(prepared.task, Modelling), "texts are learned"
    (column,) = prepared.schema.inputs
    frame = loader.take(prepared.frame, encoding.test_rows(prepared), [column.name])
    return dense(prepared.task.sizes(frame.get_column(column.name)))


def told(training: Training, asked: Candidate, tested: int) -> Mapping[str, Any]:
    """How much text there is: tokens of the training and of the test documents, and bytes of the latter.

    asked: the candidate, as which tokens are counted. tested: those bytes.
    """
    seen = training.seen_by(asked)
    ((_, rows),) = seen.batch.inputs.parts.items()  # type: ignore[union-attr]
    ((_, shape),) = seen.work.shapes.items()
    lengths = ragged(rows).lengths
    read = int(lengths[training.test].sum())
    return {
        "vocabulary": int(shape.size[0]),
        "train_tokens": int(lengths.sum()) - read,
        "test_tokens": read,
        "test_bytes": tested,
    }
