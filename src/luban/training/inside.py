"""Rows as a model sees them, where that is not as they are asked about; and the form that answers as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from luban.batch import Batch
from luban.data import chats
from luban.protocols import Form, Work
from luban.recipe.recipe import Candidate
from luban.training import chatting, packing, spanning, windows, writing
from luban.training.unit import by_gradient


@dataclass(frozen=True)
class Inside:
    """batch, work: as the model sees them. outer: from what it fitted to what answers."""

    batch: Batch
    work: Work
    outer: Callable[[Form], Form]


def inside(batch: Batch, work: Work, candidate: Candidate) -> Inside:
    """Windows of series without their level, texts as tokens, windows of contexts with their questions, blocks of texts
    that are learned themselves, chats that weigh what is said in them; of every other task the rows are what they are.
    """
    if work.task == writing.TASK and by_gradient(candidate):
        return Inside(*writing.inner(batch, work, candidate))
    if work.task == spanning.TASK and by_gradient(candidate):
        return Inside(*spanning.inner(batch, work, candidate))
    if packing.packs(work.task) and by_gradient(candidate):
        return Inside(*packing.inner(batch, work, candidate))
    if chats.asks(work.task) and by_gradient(candidate):
        return Inside(*chatting.inner(batch, work))
    seen, asked = windows.inner(batch, work)
    return Inside(seen, asked, lambda form: windows.outer(form, batch, work))
