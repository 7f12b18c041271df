"""The baseline of similarity: how many words the two texts share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar, Literal, final

import numpy as np

from luban import collate
from luban.batch import Array, Batch, Inputs, Ragged, dense
from luban.core import registry
from luban.forms.shared_words import shared
from luban.models import _networks
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

SHARES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
"""Tokens of a larger share of the texts tell nothing."""
TRIED = 5_000
"""Rows by which it is found which share suits them."""


class Settings(Section):
    """Nothing can be set."""


@final
class SharedWords:
    """It learns from the rows which tokens are too common to count, and what value so many shared ones mean. It knows
    nothing of the language: what is better has read it.
    """

    name: ClassVar[str] = "shared-words"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({_networks.PAIRS})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return () if self.declines(work) else (Entry(0, Candidate(model=self.name)),)

    def declines(self, work: Work) -> str | None:
        if not work.shapes or not all(shape.kind == "tokens" for shape in work.shapes.values()):
            return "it reads texts as tokens, which needs the package 'torch': pip install 'luban[nets]'."
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        target = dense(batch.target)
        rows = np.unique(np.linspace(0, len(batch) - 1, min(len(batch), TRIED)).astype(np.int64))
        some = batch.take(rows)
        tried = list(dict.fromkeys(_common(some.inputs, share) for share in SHARES))
        close = [_closeness(shared(some.inputs, common), target[rows]) for common in tried]
        common = tried[int(np.argmax(close))]
        scale, offset = _line(shared(batch.inputs, common), target, batch.weight)
        found: Any = registry.find("forms", self.name)(scale, offset, common)
        form: Form = found
        return form


def _common(inputs: Inputs, share: float) -> tuple[int, ...]:
    """The tokens that stand in more than this share of the texts, ascending."""
    counts: Counter[int] = Counter()
    texts = 0
    for part in collate.parts(inputs).values():
        assert isinstance(part, Ragged), "texts come as tokens"
        ends = part.offsets.tolist()
        texts += len(part)
        for low, high in pairwise(ends):
            counts.update(set(part.values[low:high].tolist()))
    return tuple(sorted(token for token, count in counts.items() if count > share * texts))


def _closeness(said: Array, target: Array) -> float:
    """The correlation of both; 0 where either has one value only."""
    if said.std() < 1e-12 or target.std() == 0:
        return 0.0
    return round(float(np.corrcoef(said, target)[0, 1]), 12)


def _line(said: Array, target: Array, weight: Array | None) -> tuple[float, float]:
    """The scale and the offset with the least squared error."""
    center, middle = (float(np.average(each, weights=weight)) for each in (said, target))
    spread = float(np.average((said - center) ** 2, weights=weight))
    together = float(np.average((said - center) * (target - middle), weights=weight))
    scale = together / spread if spread > 1e-12 else 0.0
    return scale, middle - scale * center


model = SharedWords()
