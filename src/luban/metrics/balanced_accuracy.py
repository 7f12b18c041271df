"""Balanced accuracy: the mean over classes of the share of their rows that are answered rightly."""

from __future__ import annotations

from luban.batch import Answers, Array
from luban.metrics import _confusion
from luban.metrics._weighted import mean_of_known, ratio
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    hits, true, _ = _confusion.counts(target, answers, weights)
    return mean_of_known(ratio(hits, true))


metric = Metric(
    name="balanced-accuracy",
    direction="higher",
    tasks=frozenset({"binary", "multiclass"}),
    definition="The mean, over the classes that occur, of the share of their rows answered correctly (recall).",
    scores=_scores,
    bounds=(0.0, 1.0),
)
