"""What random forests and extremely randomised trees share: their settings, their fit, their form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, Inputs, matrix
from luban.models import _answering, _trees
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

LEAVES = 10_000
"""Leaves of a tree, at most about; of more rows a leaf holds several, so that the stored forest stays small."""


class Settings(Section):
    """What can be set about forests."""

    trees: int = Field(200, ge=1, le=5_000)
    """How many trees vote."""
    columns: Literal["root", "third", "all"] | Annotated[float, Field(gt=0, le=1)] = "root"
    """How many columns each split looks at: the square root of all, a third, all, or a share."""
    leaf: int | None = Field(None, ge=1)
    """Rows in a leaf, at least; 1 where nothing is said, more where there are very many rows."""
    depth: int | None = Field(None, ge=1, le=400)
    """Levels of a tree, at most."""


class Forest(ABC):
    """Abstract. The mean of trees, however they are grown. order: when `auto` tries it."""

    name: ClassVar[str]
    order: ClassVar[int]
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = Settings

    @abstractmethod
    def kinds(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Scikit-learn's classifier and regressor."""

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse:
            return ()
        settings = {"columns": "third"} if work.task == "regression" else {}
        return (Entry(self.order, Candidate(model=self.name, settings=settings)),)

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        options = _options(settings, work, seed, threads)
        classifier, regressor = (partial(kind, **options) for kind in self.kinds())
        return _answering.fitted(batch, work, partial(_classify, classifier), partial(_regress, regressor))


def _options(settings: Settings, work: Work, seed: int, threads: int) -> dict[str, Any]:
    columns: Any = {"root": "sqrt", "third": 1 / 3, "all": None}.get(str(settings.columns), settings.columns)
    return {
        "n_estimators": settings.trees,
        "max_features": columns,
        "min_samples_leaf": settings.leaf or max(1, work.rows // LEAVES),
        "max_depth": settings.depth,
        "random_state": seed,
        "n_jobs": threads,
    }


def _classify(kind: Any, inputs: Inputs, codes: Array, classes: int, weight: Array | None) -> Form:
    forest = kind().fit(inputs, codes, sample_weight=weight)
    trees = [estimator.tree_ for estimator in forest.estimators_]
    shares = [tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) for tree in trees]
    width = matrix(inputs).shape[1]
    if classes == 2:
        second = [share[:, 1:] for share in shares]
        return _trees.form(trees, second, width, np.zeros(1), np.full(1, 1 / len(trees)), "complement")
    scale = np.full(classes, 1 / len(trees))
    return _trees.form(trees, shares, width, np.zeros(classes), scale, "identity")


def _regress(kind: Any, inputs: Inputs, values: Array, weight: Array | None) -> Form:
    # Leaves are stored as float32; a standardised target keeps its digits, whatever its unit.
    middle, spread = float(np.average(values, weights=weight)), float(values.std()) or 1.0
    forest = kind().fit(inputs, (values - middle) / spread, sample_weight=weight)
    trees = [estimator.tree_ for estimator in forest.estimators_]
    leaves = [tree.value[:, 0, :] for tree in trees]
    base, scale = np.array([middle]), np.array([spread / len(trees)])
    return _trees.form(trees, leaves, matrix(inputs).shape[1], base, scale, "identity")
