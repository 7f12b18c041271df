"""The baseline of texts that are written: the training text that is most like all others, whatever is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np

from luban.batch import Array, Batch, Ragged
from luban.core import registry
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section

MOST = 20_000
"""Texts that are looked at, at most, evenly spaced."""
PIECE = 3
"""Characters of a piece by which texts are alike."""
CHARACTERS = 2_000
"""... of the beginning of each text."""


class Settings(Section):
    """Nothing can be set."""


@final
class Medoid:
    """argmax over y_i of the mean over j of cos(c(y_i), c(y_j)), with c the counts of a text's pieces of 3 characters.

    It does not look at what is read: whatever is better has read it. Of equally good texts the first is taken.
    """

    name: ClassVar[str] = "medoid"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = frozenset({"sequence-to-sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(batch.target, Ragged), f"{work.task} has texts to write"
        rows = np.linspace(0, len(batch) - 1, min(len(batch), MOST)).astype(np.int64)
        texts = batch.target[rows].texts()
        weight = np.ones(len(rows)) if batch.weight is None else np.asarray(batch.weight)[rows]
        text = texts[int(np.argmax(_likeness(texts, weight)))]
        repeated: type = registry.find("forms", "repeated")
        found: Form = repeated(np.frombuffer(text.encode(), np.uint8), batch.width)
        return found


def _likeness(texts: list[str], weight: Array) -> Array:
    """(texts,) the mean cosine of each with all, rounded so that sums in another order decide nothing."""
    from sklearn.feature_extraction.text import HashingVectorizer

    counted = HashingVectorizer(analyzer="char", ngram_range=(PIECE, PIECE), alternate_sign=False, norm="l2")
    pieces = counted.transform([text[:CHARACTERS].center(PIECE) for text in texts])
    middle = np.asarray(pieces.T @ weight).ravel() / weight.sum()
    return np.round(np.asarray(pieces @ middle).ravel(), 9)


model = Medoid()
