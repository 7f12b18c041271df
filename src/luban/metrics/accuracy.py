"""Accuracy: the share of rows that are answered rightly."""

from __future__ import annotations

from luban.batch import Answers, Array, dense
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def right(target: Array, answers: Answers) -> Array:
    """(rows,) 1 where the answer is right; of several labels all must be."""
    equal: Array = dense(answers.prediction) == target
    return (equal.all(axis=1) if equal.ndim == 2 else equal).astype("float64")


metric = Metric(
    name="accuracy",
    direction="higher",
    tasks=frozenset({"binary", "multiclass", "multilabel"}),
    definition="The share of rows whose predicted class is the true one; with several labels, all of them must be.",
    scores=mean_of(right),
    each=right,
    interval="wilson",
    bounds=(0.0, 1.0),
)
