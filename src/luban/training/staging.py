"""How the loss of boosting went as rounds were added: on rows that it was fitted on, and on rows that it was not."""

from __future__ import annotations

import numpy as np

from luban.batch import Array, Batch, dense
from luban.core import registry
from luban.evidence.fits import Stages
from luban.forms.trees import Trees
from luban.protocols import Form, Metric, Work
from luban.recipe.recipe import Candidate

STAGES = 20
MOST = 1_000
"""Rows of either kind that are looked at, at most."""
METRICS = {"binary": "log-loss", "multiclass": "log-loss", "regression": "rmse"}


def staged(candidate: Candidate, form: Form, fitted: Batch, held_out: Batch, work: Work) -> Stages | None:
    """The losses after shares of the rounds; None for a form that did not grow by rounds."""
    if not getattr(registry.find("models", candidate.model), "staged", False) or work.task not in METRICS:
        return None
    if not isinstance(form, Trees):
        return None
    rounds = len(form.roots) // len(form.base)
    ends = np.unique(np.ceil(np.linspace(0, rounds, STAGES + 1)[1:]).astype(np.int64))
    train, metrics = _losses(form, fitted, ends, work)[0], _losses(form, held_out, ends, work)
    told = {} if work.task == "regression" else {"accuracy": tuple(metrics[1])}
    return Stages(tuple(ends.tolist()), tuple(metrics[0]), tuple(train), told)


def _losses(form: Trees, batch: Batch, ends: Array, work: Work) -> tuple[list[float], list[float]]:
    """The loss after so many rounds, and the accuracy where there are classes."""
    rows = np.linspace(0, len(batch) - 1, min(MOST, len(batch))).astype(np.int64)
    some, task = batch.take(np.unique(rows)), registry.find("tasks", work.task)
    target = dense(some.target)
    loss: Metric = registry.find("metrics", METRICS[work.task])
    right: Metric = registry.find("metrics", "accuracy")
    losses, accuracies = [], []
    for outputs in form.stages(some.inputs, (ends * len(form.base)).tolist()):
        answers = task.answers(outputs)
        losses.append(loss.score(target, answers))
        accuracies.append(right.score(target, answers) if work.task != "regression" else 0.0)
    return losses, accuracies
