"""Documents as a language model learns them: one behind the other, cut into blocks of equal length.

Nothing is padded, and nothing is left out: the last block reaches back over what the one before it has. Where a
document begins is seen from its first token, and no network looks, or is asked, across it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from luban import collate
from luban.batch import Array, Batch, Ragged, Tensors
from luban.core import registry
from luban.core.errors import DataError
from luban.protocols import Form, Modelling, Work
from luban.recipe.recipe import Candidate, Features

CAUSAL = "causal-lm"
LONGEST = 1_000_000
"""Tokens of a document at most; all of it is learned."""


def packs(task: str) -> bool:
    """Whether all of each text is learned by a task. "" is none.

    >>> packs("masked-lm"), packs("chat"), packs("binary")
    (True, False, False)
    """
    found = registry.find("tasks", task) if task else None
    return isinstance(found, Modelling) and found.whole


def seen(features: Features, task: str) -> Features:
    """How networks see texts: where texts are learned themselves, whole ones, whatever else would be cut."""
    return features.model_copy(update={"longest": LONGEST}) if packs(task) else features


def inner(batch: Batch, work: Work, candidate: Candidate) -> tuple[Batch, Work, Callable[[Form], Form]]:
    """The blocks that a network learns, and the form that reads whole documents."""
    settings: Any = registry.find("models", candidate.model).Settings.model_validate(dict(candidate.settings))
    ((name, rows),) = collate.parts(batch.inputs).items()
    assert isinstance(rows, Ragged), "texts come as tokens"
    found = blocks(rows, settings.context, one_more=work.task == CAUSAL)
    shape = replace(work.shapes[name], longest=settings.context)

    def outer(form: Form) -> Form:
        read: Form = registry.find("forms", "language")(form, settings.context)
        return read

    return Batch(Tensors({name: found})), replace(work, outputs=1, shapes={name: shape}), outer


def blocks(rows: Ragged, context: int, *, one_more: bool) -> Array:
    """(blocks, context) int32 of all rows one behind the other; the last one ends where they end.

    one_more: whether each has one token more, the one that follows it, which is the first of the next block.
    Of fewer tokens than a block has there is one block, as long as they are.

    >>> rows = Ragged.of([np.array([2, 7, 8, 3], np.int32), np.array([2, 9, 3], np.int32)])
    >>> blocks(rows, 3, one_more=False).tolist()
    [[2, 7, 8], [3, 2, 9], [2, 9, 3]]
    >>> blocks(rows, 3, one_more=True).tolist()
    [[2, 7, 8, 3], [3, 2, 9, 3]]
    """
    values = np.asarray(rows.values[rows.offsets[0] : rows.offsets[-1]], np.int32)
    size = context + one_more
    if len(values) < 4 or not len(rows):
        raise DataError("the texts are empty; there is nothing to learn.", fix="give texts with words in them")
    if len(values) <= size:
        return values[None, :]
    starts = np.arange(0, len(values) - size + 1, context)
    if starts[-1] + size < len(values):
        starts = np.append(starts, len(values) - size)
    return values[starts[:, None] + np.arange(size)]
