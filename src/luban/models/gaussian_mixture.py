"""Gaussian mixture: clusters as normal distributions of any direction and size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch
from luban.core import registry
from luban.models import _answering, _clusters
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

WIDEST = 200
"""Columns, at most: a distribution has half their square of covariances."""
MOST_ROWS = 50_000
"""Rows that are fitted; of more a sample drawn at random."""


class Settings(Section):
    """What can be set about Gaussian mixtures."""

    clusters: int | None = Field(None, ge=1, le=1_000)
    """How many clusters; where nothing is said, the number from 1 to `most` with the best BIC."""
    most: int = Field(8, ge=1, le=100)
    """The largest number that is tried."""
    covariance: Literal["full", "diagonal"] = "full"
    """Whether columns may vary together within a cluster."""


@final
class GaussianMixture:
    """The likeliest mixture, by expectation maximisation (Dempster et al., 1977); its size by BIC (Schwarz, 1978)."""

    name: ClassVar[str] = "gaussian-mixture"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = frozenset({"clustering"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return (Entry(2, Candidate(model=self.name, settings={})),) if work.width <= 50 else ()

    def declines(self, work: Work) -> str | None:
        if work.sparse:
            return "its covariances grow with the square of the columns, and texts make many of them."
        if work.width > WIDEST:
            return (
                f"its covariances grow with the square of the columns; {WIDEST} is the most, here are {work.width:,}."
            )
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        inputs = np.asarray(batch.inputs, dtype=np.float64)
        judged = inputs[_clusters.some(len(inputs), seed)]
        choice, clusters = None, settings.clusters
        if clusters is None:

            def label(fitted: Array, count: int) -> Array:
                return np.asarray(_fit(judged[fitted], count, settings, seed).predict(judged))

            def score(labels: Array, count: int) -> float:
                return -float(_fit(judged, count, settings, seed).bic(judged))

            most = max(1, min(settings.most, len(judged) // (2 * work.width + 2)))
            choice = _clusters.choose(range(1, most + 1), score, label, len(judged), "BIC", seed)
            clusters = choice.clusters
        fitted = _fit(inputs[_clusters.some(len(inputs), seed, MOST_ROWS)], min(clusters, len(inputs)), settings, seed)
        whitening = fitted.precisions_cholesky_
        if settings.covariance == "diagonal":
            whitening = np.stack([np.diag(row) for row in whitening])
        weights = fitted.weights_ / fitted.weights_.sum()
        form: Form = registry.find("forms", "mixture")(fitted.means_, np.ascontiguousarray(whitening), weights, choice)
        return form


def _fit(inputs: Array, clusters: int, settings: Settings, seed: int) -> Any:
    from sklearn.mixture import GaussianMixture as Mixture

    kind = "full" if settings.covariance == "full" else "diag"
    with _answering.unconverged():
        return Mixture(clusters, covariance_type=kind, reg_covar=1e-4, n_init=2, random_state=seed).fit(inputs)


model = GaussianMixture()
