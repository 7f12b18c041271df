"""Spearman's correlation: how far predictions put rows into the order of the truth."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, dense
from luban.metrics._together import correlation, ranks
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    first, second = np.asarray(target, np.float64), dense(answers.prediction)
    return correlation(ranks(first, weights), ranks(second, weights), weights)


metric = Metric(
    name="spearman",
    direction="higher",
    tasks=frozenset({"regression", "similarity"}),
    definition="Pearson's correlation of the ranks of prediction and truth (Spearman, 1904); equal ones share theirs.",
    scores=_scores,
    bounds=(-1.0, 1.0),
)
