"""The baseline of question answering: the piece of the context that stands nearest to the words of the question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, final

import numpy as np

from luban.batch import Answers, Batch, Ragged
from luban.core import registry
from luban.forms.word_overlap import words_of
from luban.models import _networks
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

MOST_WORDS = 5
"""Words of an answer that are tried."""
SHARES = (1.0, 0.5, 0.2, 0.1, 0.05)
"""Words of a larger share of the contexts are part of no answer."""
TRIED = 300
"""Rows by which it is found which numbers suit them."""


class Settings(Section):
    """Nothing can be set."""


@final
class WordOverlap:
    """It learns from the rows how many words an answer has, and which are too common to be part of one. It knows
    nothing of the language: what is better has read it.
    """

    name: ClassVar[str] = "word-overlap"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({_networks.SPANS})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return () if self.declines(work) else (Entry(0, Candidate(model=self.name)),)

    def declines(self, work: Work) -> str | None:
        if not all(shape.kind == "tokens" for shape in work.shapes.values()):
            return "it reads texts letter by letter, which needs the package 'torch': pip install 'luban[nets]'."
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(batch.target, Ragged), f"{work.task} has pieces of texts as answers"
        some = batch.take(np.unique(np.linspace(0, len(batch) - 1, min(len(batch), TRIED)).astype(np.int64)))
        form: Any = registry.find("forms", self.name)
        read = form().read(some.inputs)
        common = [_common([context for context, _ in read], share) for share in SHARES]
        tried = [form(words, each) for each in common for words in range(1, MOST_WORDS + 1)]
        exact, close = (registry.find("metrics", name) for name in ("exact-match", "answer-f1"))

        def score(form: Any) -> tuple[float, ...]:
            answers = Answers(Ragged.of_texts([form.answer(*texts)[0] for texts in read]))
            return tuple(round(metric.score(some.target, answers, some.weight), 12) for metric in (exact, close))

        found: Form = max(tried, key=score)
        return found


def _common(contexts: list[str], share: float) -> frozenset[str]:
    """The words that stand in more than this share of the contexts.

    >>> sorted(_common(["The mill", "the old mill", "the ferry"], 0.5))
    ['mill', 'the']
    """
    counts = Counter(word for context in contexts for word in set(words_of(context)))
    return frozenset(word for word, count in counts.items() if count > share * len(contexts))


model = WordOverlap()
