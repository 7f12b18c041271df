"""Fitting one candidate, from a batch to a form, in this process. The search and the estimators call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luban.batch import Batch
from luban.core import registry
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.core.suggest import did_you_mean
from luban.protocols import Form, Model, Work
from luban.recipe.recipe import Candidate, Section, Train
from luban.training import several
from luban.training.inside import inside


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
    from luban.training import deciding, gradient, loop

    torch = require("torch", extra="nets", purpose=f"the model '{candidate.model}'")
    torch.set_num_threads(threads)
    choices = deciding.decide(batch, work, candidate, train, seed=seed)
    return gradient.fit(batch, work, candidate, loop.Asked(choices.train, seed)).form


def settings(candidate: Candidate) -> Section:
    """The settings of a candidate, validated; UsageError names the wrong key or value and the right ones."""
    from pydantic import ValidationError

    kind = registry.find("models", candidate.model).Settings
    try:
        return kind.model_validate(candidate.settings)
    except ValidationError as invalid:
        raise UsageError(_explain(invalid.errors(), kind), where=f"model.{candidate.model}") from None


_WANTED = "Input should be "
"""How pydantic begins to say what a field takes."""


def _explain(problems: Sequence[Any], kind: type[Section]) -> str:
    """The first wrong setting. What may be one of several things has a problem with each of them."""
    # A key that there is not is told before one that is missing: it may be the same, written wrong.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"there is no setting '{key}'. {did_you_mean(key, kind.model_fields)}"
    said = [problem["msg"] for problem in problems if problem["loc"][0] == key]
    wanted = [message.removeprefix(_WANTED) for message in said if message.startswith(_WANTED)]
    what = f"it should be {', or '.join(wanted)}" if wanted else first["msg"]
    return f"the setting '{key}' cannot be {first['input']!r}: {what}."


def warm_up() -> None:
    """Imports what most candidates need, so that a worker is ready when the first unit comes."""
    import lightgbm
    import sklearn.linear_model

    del lightgbm, sklearn
