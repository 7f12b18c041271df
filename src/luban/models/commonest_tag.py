"""The baseline of tagging: to each word the tag that it has most often in the training rows, whatever stands around it.

A word that no training row has gets the tag that such words have, or else the commonest of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np

from luban import collate
from luban.batch import Batch, Ragged
from luban.core import registry
from luban.features.words.steps import own_numbers, words_of
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section


class Settings(Section):
    """Nothing can be set."""


@final
class CommonestTag:
    """argmax over tags of count(word, tag) (Charniak et al., 1993); of equally common ones the first.

    It knows no context, and is right about most words of most languages: what is better has read the others.
    """

    name: ClassVar[str] = "commonest-tag"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"tagging"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(batch.target, Ragged), f"{work.task} has a tag for each step"
        ((name, part),) = collate.parts(batch.inputs).items()
        assert isinstance(part, Ragged), "words are what is read"
        words = own_numbers(part.values[part.offsets[0] : part.offsets[-1]])
        tags = batch.target.values[batch.target.offsets[0] : batch.target.offsets[-1]]
        weight = np.ones(len(batch)) if batch.weight is None else np.asarray(batch.weight)
        counts = np.zeros((words_of(work.shapes[name]), work.outputs))
        known = tags >= 0
        np.add.at(counts, (words[known], tags[known]), np.repeat(weight, part.lengths)[known])
        # A word without a count is one that other rows have.
        counts[counts.sum(axis=1) == 0] = counts.sum(axis=0)
        lookup: Form = registry.find("forms", "lookup")(counts.argmax(axis=1).astype(np.int64), work.outputs)
        return lookup


model = CommonestTag()
