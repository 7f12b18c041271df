"""How the loss of boosting went as rounds were added: on rows that it was fitted on, and on rows that it was not."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, Batch, dense
from luban.core import registry
from luban.evidence.fits import Stages
from luban.forms.trees import Trees
from luban.protocols import Form, Metric, Work
from luban.recipe.recipe import Candidate

EVEN, EARLY = 10, 10
"""Stages at even distances, whose last but one is nine tenths of the rounds, and others at even ratios: where there are
too many rounds by far, the best number of them lies close to the start.
"""
MOST = 1_000
"""Rows of either kind that are looked at, at most."""
TASKS = ("binary", "multiclass", "regression")


def staged(candidate: Candidate, form: Form, fitted: Batch, held_out: Batch, work: Work) -> Stages | None:
    """The losses after shares of the rounds, log loss or squared error; None for a form that did not grow by rounds."""
    if not getattr(registry.find("models", candidate.model), "staged", False) or work.task not in TASKS:
        return None
    if not isinstance(form, Trees):
        return None
    rounds = len(form.roots) // len(form.base)
    even, early = np.linspace(0, rounds, EVEN + 1)[1:], np.geomspace(1, rounds, EARLY + 1)[:-1]
    ends = np.unique(np.ceil(np.concatenate([even, early]) - 1e-9).astype(np.int64))
    train, (losses, briers) = _each(form, fitted, ends, work)[0], _each(form, held_out, ends, work)
    by_name = {"loss": losses} if briers is None else {"loss": losses, "brier": briers}
    return Stages(
        rounds=tuple(ends.tolist()),
        held_out=tuple(losses.mean(axis=1).tolist()),
        train=tuple(train.mean(axis=1).tolist()),
        metrics={} if briers is None else {"brier": tuple(briers.mean(axis=1).tolist())},
        doubts={name: _covariances(each) for name, each in by_name.items()} if losses.shape[1] > 1 else {},
    )


def _each(form: Trees, batch: Batch, ends: Array, work: Work) -> tuple[Array, Array | None]:
    """(stages, rows) the loss of each row after so many rounds, and for classes its Brier score."""
    rows = np.linspace(0, len(batch) - 1, min(MOST, len(batch))).astype(np.int64)
    some, task = batch.take(np.unique(rows)), registry.find("tasks", work.task)
    target = dense(some.target)
    answers = [task.answers(each) for each in form.stages(some.inputs, (ends * len(form.base)).tolist())]
    if work.task == "regression":
        return np.stack([(dense(each.prediction) - target) ** 2 for each in answers]), None
    return _scores("log-loss", target, answers), _scores("brier", target, answers)


def _scores(name: str, target: Array, answers: list[Answers]) -> Array:
    metric: Metric = registry.find("metrics", name)
    assert metric.each is not None, f"{name} is a mean of rows"
    return np.stack([metric.each(target, each) for each in answers])


def _covariances(each: Array) -> tuple[tuple[float, ...], ...]:
    """Of the means over rows. each: (stages, rows)."""
    found = np.atleast_2d(np.cov(each)) / each.shape[1]
    return tuple(map(tuple, found.tolist()))
