"""Isolation forest: rows that random splits set apart early are unusual."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch
from luban.models import _trees
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

EULER = 0.5772156649015329


class Settings(Section):
    """What can be set about isolation forests."""

    trees: int = Field(200, ge=1, le=5_000)
    """How many trees are grown."""
    rows: int = Field(256, ge=2)
    """Rows that each tree is grown on; few make masked anomalies easier to see."""


@final
class IsolationForest:
    """2 to the minus mean path length over that of a random tree (Liu et al., 2008): near 1 is unusual, 0.5 is not."""

    name: ClassVar[str] = "isolation-forest"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = frozenset({"anomaly"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return (Entry(1, Candidate(model=self.name, settings={})),)

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        from sklearn.ensemble import IsolationForest as Forest

        assert isinstance(settings, Settings)
        rows = min(settings.rows, len(batch))
        forest = Forest(n_estimators=settings.trees, max_samples=rows, random_state=seed).fit(batch.inputs)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        lengths = [_path_lengths(tree) for tree in trees]
        scale = np.array([1.0 / (len(trees) * max(float(average_path(np.array([rows]))[0]), 1e-12))])
        return _trees.form(trees, lengths, batch.width, np.zeros(1), scale, "isolation")


def average_path(rows: Array) -> Array:
    """The mean path length to a row of a random tree of so many rows: 2 H(n - 1) - 2 (n - 1) / n.

    >>> average_path(np.array([1, 2])).tolist()
    [0.0, 1.0]
    """
    count = np.maximum(rows.astype(np.float64), 1.0)
    harmonic = np.log(np.maximum(count - 1.0, 1.0)) + EULER
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, 2.0 * harmonic - 2.0 * (count - 1.0) / count))


def _path_lengths(tree: object) -> Array:
    """(nodes, 1) how many splits lead to a node, and how many more would be needed to part its rows."""
    left, right = tree.children_left, tree.children_right  # type: ignore[attr-defined]
    depth = np.zeros(len(left))
    for node in np.flatnonzero(left >= 0):
        depth[[left[node], right[node]]] = depth[node] + 1
    return (depth + average_path(tree.n_node_samples))[:, None]  # type: ignore[attr-defined]


model = IsolationForest()
