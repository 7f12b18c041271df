"""Random forest: trees on rows drawn with replacement, each split on some of the columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

from luban.batch import Batch
from luban.models import _answering, _forests
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section


@final
class RandomForest:
    """The mean of the trees (Breiman, 2001)."""

    name: ClassVar[str] = "random-forest"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = _forests.Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse:
            return ()
        settings = {"columns": "third"} if work.task == "regression" else {}
        return (Entry(4, Candidate(model=self.name, settings=settings)),)

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        assert isinstance(settings, _forests.Settings)
        return _forests.fit((RandomForestClassifier, RandomForestRegressor), batch, work, settings, seed, threads)


model = RandomForest()
