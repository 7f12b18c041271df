"""ROC AUC: how often a row of a class has a higher probability of it than a row of another class."""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.metrics._curves import averaged
from luban.metrics._weighted import ratio
from luban.protocols import Metric


def _area(positive: Array, negative: Array) -> Array:
    passed = np.cumsum(positive, axis=1)
    # A negative row is below all positive rows of the steps before its own, and beside half of those of its own.
    below = np.einsum("ds,ds->d", negative, passed - 0.5 * positive)
    return ratio(below, passed[:, -1] * negative.sum(axis=1))


metric = Metric(
    name="roc-auc",
    direction="higher",
    tasks=frozenset({"binary", "multiclass", "multilabel"}),
    definition=(
        "The probability that a random positive row has a higher predicted probability than a random negative one, "
        "ties counting half (Hanley and McNeil, 1982); of several classes or labels the mean of each against the rest."
    ),
    scores=averaged(_area),
    bounds=(0.0, 1.0),
)
