"""Brier score: the squared distance between the predicted probabilities and what is true."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._weighted import mean_of, membership, probabilities
from luban.protocols import Metric


def distance(target: Array, answers: Answers) -> Array:
    """(rows,) half the squared distance to the true class; of labels the mean squared difference.

    >>> distance(np.array([1]), Answers(np.array([1]), np.array([[0.2, 0.8]]))).round(4).tolist()
    [0.04]
    """
    given = probabilities(answers)
    squares = (given - membership(target, given.shape[1])) ** 2
    return np.asarray(squares.mean(axis=1) if target.ndim == 2 else 0.5 * squares.sum(axis=1))


metric = Metric(
    name="brier",
    direction="lower",
    tasks=frozenset({"binary", "multiclass", "multilabel"}),
    definition=(
        "The mean over rows of half the sum over classes of (probability - truth) squared (Brier, 1950): of two "
        "classes the squared error of the positive one's probability; of labels the mean over rows and labels."
    ),
    scores=mean_of(distance),
    each=distance,
    bounds=(0.0, 1.0),
)
