"""K nearest neighbours: the rows that lie nearest decide. The stored rows are the model."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, Inputs
from luban.core import registry
from luban.models import _answering
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

MOST_ROWS = 50_000
"""Every answer looks at all of them."""
WIDEST = 500


class Settings(Section):
    """What can be set about nearest neighbours."""

    neighbours: int = Field(15, ge=1, le=10_000)
    """How many of the nearest rows decide."""
    weighting: Literal["uniform", "distance"] = "distance"
    """Whether nearer ones count more: by 1 / distance."""


@final
class NearestNeighbours:
    """The weighted mean of the targets of the nearest rows (Fix and Hodges, 1951), by Euclidean distance."""

    name: ClassVar[str] = "knn"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.rows > 20_000 or work.width > 200:
            return ()
        return (Entry(9, Candidate(model=self.name, settings={"neighbours": 10})),)

    def declines(self, work: Work) -> str | None:
        if work.rows > MOST_ROWS:
            return f"each answer looks at all of its rows; {MOST_ROWS:,} is the most, here are {work.rows:,}."
        if work.sparse:
            return "texts make columns so many and so empty that all rows are about equally far apart."
        if work.width > WIDEST:
            return f"in {work.width:,} columns all rows are about equally far apart; {WIDEST} is the most."
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        return _answering.fitted(
            batch, work, partial(_classify, settings=settings), partial(_regress, settings=settings)
        )


def _classify(inputs: Inputs, codes: Array, classes: int, weight: Array | None, *, settings: Settings) -> Form:
    targets = (codes[:, None] == np.arange(classes)).astype(np.float64)
    # No class is impossible because none of a few neighbours has it: their votes count k, the shares of all rows 1.
    shares = np.average(targets, axis=0, weights=weight)
    votes = min(settings.neighbours, len(codes))
    return _form(inputs, (votes * targets + shares) / (votes + 1), weight, settings)


def _regress(inputs: Inputs, values: Array, weight: Array | None, *, settings: Settings) -> Form:
    return _form(inputs, values[:, None].astype(np.float64), weight, settings)


def _form(inputs: Inputs, targets: Array, weight: Array | None, settings: Settings) -> Form:
    neighbours = registry.find("forms", "neighbours")
    rows = np.array(inputs, dtype=np.float32)
    own = np.ones(len(rows)) if weight is None else np.asarray(weight, dtype=np.float64)
    form: Form = neighbours(rows, targets, own, min(settings.neighbours, len(rows)), settings.weighting)
    return form


model = NearestNeighbours()
