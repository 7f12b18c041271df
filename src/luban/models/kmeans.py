"""K-means: round clusters around centres."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, matrix
from luban.core import registry
from luban.models import _answering, _clusters
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section


class Settings(Section):
    """What can be set about k-means."""

    clusters: int | None = Field(None, ge=1, le=1_000)
    """How many clusters; where nothing is said, the number from 2 to `most` with the best silhouette."""
    most: int = Field(10, ge=2, le=100)
    """The largest number that is tried."""


@final
class KMeans:
    """The least sum of squared distances to the centres (Lloyd, 1982), from ten starts."""

    name: ClassVar[str] = "kmeans"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = frozenset({"clustering"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return (Entry(1, Candidate(model=self.name, settings={})),)

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        from sklearn.metrics import silhouette_score

        assert isinstance(settings, Settings)
        inputs = matrix(batch.inputs).astype(np.float64)
        rows = _clusters.some(inputs.shape[0], seed)
        judged = inputs[rows]
        choice = None
        clusters = settings.clusters
        if clusters is None:

            def label(fitted: Array, count: int) -> Array:
                return np.asarray(_fit(judged[fitted], count, seed).predict(judged))

            def score(labels: Array, count: int) -> float:
                distinct = len(np.unique(labels))
                return float(silhouette_score(judged, labels)) if 1 < distinct < len(labels) else -1.0

            most = min(settings.most, len(rows) - 1)
            choice = _clusters.choose(range(2, max(most, 2) + 1), score, label, len(rows), "silhouette", seed)
            clusters = choice.clusters
        fitted = _fit(inputs, min(clusters, inputs.shape[0]), seed)
        variance = float(fitted.inertia_) / (inputs.shape[0] * inputs.shape[1])
        form: Form = registry.find("forms", "centroids")(
            fitted.cluster_centers_.astype(np.float64), max(variance, 1e-9), choice
        )
        return form


def _fit(inputs: Any, clusters: int, seed: int) -> Any:
    from sklearn.cluster import KMeans as Lloyd

    starts = 10 if inputs.shape[0] <= 10_000 else 3
    # Where fewer rows differ than there are clusters, some centres are equal, and the first of them answers.
    with _answering.unconverged():
        return Lloyd(n_clusters=clusters, n_init=starts, random_state=seed).fit(inputs)


model = KMeans()
