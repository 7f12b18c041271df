"""Pearson's correlation: how far predictions rise with the truth along a line."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, dense
from luban.metrics._together import correlation
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    return correlation(np.asarray(target, np.float64), dense(answers.prediction), weights)


metric = Metric(
    name="pearson",
    direction="higher",
    tasks=frozenset({"regression", "similarity"}),
    definition=(
        "The covariance of prediction and truth over the product of their deviations (Pearson, 1895); 0 where all "
        "predictions are equal."
    ),
    scores=_scores,
    bounds=(-1.0, 1.0),
)
