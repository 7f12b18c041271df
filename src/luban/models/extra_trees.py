"""Extremely randomised trees: a forest whose splits are drawn at random, the best of a few kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

from luban.batch import Batch
from luban.models import _answering, _forests
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section


@final
class ExtraTrees:
    """The mean of the trees (Geurts et al., 2006)."""

    name: ClassVar[str] = "extra-trees"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = _forests.Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse:
            return ()
        settings = {"columns": "third"} if work.task == "regression" else {}
        return (Entry(6, Candidate(model=self.name, settings=settings)),)

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        assert isinstance(settings, _forests.Settings)
        return _forests.fit((ExtraTreesClassifier, ExtraTreesRegressor), batch, work, settings, seed, threads)


model = ExtraTrees()
