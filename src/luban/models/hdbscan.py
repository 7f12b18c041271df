"""HDBSCAN: clusters of any shape where rows lie close together; rows between them are noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch
from luban.core import registry
from luban.forms._choice import Choice
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

MOST_ROWS = 20_000
WIDEST = 200


class Settings(Section):
    """What can be set about HDBSCAN."""

    smallest: int | None = Field(None, ge=2)
    """Rows of a cluster, at least; a fiftieth of the rows and at least 5 where nothing is said."""


@final
class Hdbscan:
    """The most persistent clusters of the density hierarchy (Campello et al., 2013). It finds their number itself."""

    name: ClassVar[str] = "hdbscan"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = frozenset({"clustering"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return (Entry(3, Candidate(model=self.name, settings={})),) if self.declines(work) is None else ()

    def declines(self, work: Work) -> str | None:
        if work.rows > MOST_ROWS:
            return f"it keeps every row and compares all with all; {MOST_ROWS:,} is the most, here are {work.rows:,}."
        if work.sparse:
            return "texts make columns so many and so empty that all rows are about equally far apart."
        if work.width > WIDEST:
            return f"in {work.width:,} columns all rows are about equally far apart; {WIDEST} is the most."
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        from sklearn.cluster import HDBSCAN

        assert isinstance(settings, Settings)
        points = np.array(batch.inputs, dtype=np.float32)
        smallest = min(settings.smallest or max(5, len(points) // 50), len(points))
        found = HDBSCAN(min_cluster_size=max(smallest, 2), copy=True).fit(points.astype(np.float64)).labels_
        clusters = int(found.max()) + 1
        labels = np.where(found >= 0, found, clusters).astype(np.int64)
        noise = int((labels == clusters).sum())
        reason = f"{clusters} regions of high density; {noise:,} rows lie between them"
        choice = Choice(clusters, "density", reason, noise=True)
        form: Form = registry.find("forms", "density")(points, labels, _reach(points, labels, clusters), choice)
        return form


def _reach(points: Array, labels: Array, clusters: int) -> Array:
    """(clusters,) the largest distance of a row of the cluster to its nearest fellow: so far a new one
    still belongs.
    """
    from sklearn.neighbors import NearestNeighbors

    reach = np.zeros(clusters)
    for cluster in range(clusters):
        own = points[labels == cluster].astype(np.float64)
        distances, _ = NearestNeighbors(n_neighbors=2).fit(own).kneighbors(own)
        reach[cluster] = distances[:, 1].max()
    return reach


model = Hdbscan()
