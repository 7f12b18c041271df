"""Fitting one candidate, from a batch to a form, in this process. The search and the estimators call it."""

from __future__ import annotations

from luban.batch import Batch
from luban.core import registry
from luban.core.lazy import require
from luban.protocols import Form, Model, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import several
from luban.training.inside import inside
from luban.training.settings import settings


def fit_candidate(
    batch: Batch, work: Work, candidate: Candidate, *, seed: int, threads: int, train: Train | None = None
) -> Form:
    """The fitted form of a candidate. Deterministic in its arguments; `threads` changes only the time.

    train: the recipe's part, for networks.
    """
    from threadpoolctl import threadpool_limits

    model: Model = registry.find("models", candidate.model)
    if model.trainer == "gradient":
        return fit_network(batch, work, candidate, train or Train(), seed=seed, threads=threads)
    if work.targets:
        return several.fit_each(
            batch, work, lambda own, asked: fit_candidate(own, asked, candidate, seed=seed, threads=threads)
        )
    seen = inside(batch, work, candidate)
    # Sums of several threads come out in another order: linear algebra gets one, trees and rows get them all.
    with threadpool_limits(1):
        form = model.fit(seen.batch, seen.work, settings(candidate), seed=seed, threads=threads)
    return seen.outer(form)


def fit_network(batch: Batch, work: Work, candidate: Candidate, train: Train, *, seed: int, threads: int) -> Form:
    """The trained network of a candidate: what is open is decided on the same rows, and nothing is kept on disk."""
    from luban.training import deciding, gradient
    from luban.training.request import Asked

    torch = require("torch", extra="nets", purpose=f"the model '{candidate.model}'")
    torch.set_num_threads(threads)
    choices = deciding.decide(batch, work, candidate, train, seed=seed)
    return gradient.fit(batch, work, candidate, Asked(choices.train, seed)).form


def warm_up() -> None:
    """Imports what most candidates need, so that a worker is ready when the first unit comes."""
    import lightgbm
    import sklearn.linear_model

    del lightgbm, sklearn
