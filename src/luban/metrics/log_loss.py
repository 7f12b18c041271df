"""Log loss: how surprised the predicted probabilities are by what is true."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._weighted import mean_of, membership, probabilities
from luban.protocols import Metric

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1, as scikit-learn does: one wrong certainty is dear, not infinite."""


def surprise(target: Array, answers: Answers) -> Array:
    """(rows,) minus the logarithm of the probability of the true class; of labels the mean over them.

    >>> surprise(np.array([1]), Answers(np.array([1]), np.array([[0.5, 0.5]]))).round(4).tolist()
    [0.6931]
    """
    given = np.clip(probabilities(answers), SMALLEST, 1.0 - SMALLEST)
    member = membership(target, given.shape[1])
    if target.ndim == 2:
        return -np.log(np.where(member, given, 1.0 - given)).mean(axis=1)
    # A class that the model does not know has no column, hence the floor.
    return -np.log(np.maximum(np.where(member, given, 0.0).sum(axis=1), SMALLEST))


metric = Metric(
    name="log-loss",
    direction="lower",
    tasks=frozenset({"binary", "multiclass", "multilabel"}),
    definition=(
        "The mean over rows of minus the natural logarithm of the true class's probability, clipped at 2.2e-16 (Good, "
        "1952); of labels the mean over rows and labels."
    ),
    scores=mean_of(surprise),
    each=surprise,
    bounds=(0.0, float("inf")),
)
