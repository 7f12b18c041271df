"""Chats as a network learns them: each weighs as many tokens as it has to say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luban import collate
from luban.batch import Array, Batch, Ragged
from luban.core import registry
from luban.data import chats
from luban.features import chat
from luban.protocols import Form, Work


def inner(batch: Batch, work: Work) -> tuple[Batch, Work, Callable[[Form], Form]]:
    """The chats with their weights, and the form that says what answers cost."""
    weight = batch.weight
    if work.task != chats.PREFERENCE:
        answers = said(batch, work).astype(np.float64)
        weight = answers if weight is None else answers * weight

    def outer(form: Form) -> Form:
        read: Form = registry.find("forms", "answered")(form)
        return read

    return Batch(batch.inputs, weight=weight), work, outer


def said(batch: Batch, work: Work) -> Array:
    """(rows,) int64: the tokens that a model is to say in each chat; of two answers in the shorter one."""
    ((name, rows),) = collate.parts(batch.inputs).items()
    assert isinstance(rows, Ragged), "chats come as tokens"
    _, kinds = chat.apart(rows.values, (work.shapes[name].size[0] - 1) // chat.KINDS)
    row = np.repeat(np.arange(len(rows)), rows.lengths)
    # What begins a chat follows nothing.
    first = np.isin(np.arange(len(row)), rows.offsets[:-1], invert=True)
    wanted = (chat.SAID, chat.SAID_AGAIN) if work.task == chats.PREFERENCE else (chat.SAID,)
    counts = [np.bincount(row[(kinds == kind) & first], minlength=len(rows)) for kind in wanted]
    return np.min(counts, axis=0)
