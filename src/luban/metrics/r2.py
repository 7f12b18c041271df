"""R2: the share of the target's variance that the predictions account for."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    centred = target - target.mean()
    # Squares of the largest values would leave the range of floats, and sums of squares far from 0 their precision.
    largest = float(np.abs(centred).max(initial=0.0)) or 1.0
    centred = centred / largest
    errors = (answers.prediction - target) / largest
    total = weights.sum(axis=1)
    variance = ratio(totals(weights, centred**2), total) - ratio(totals(weights, centred), total) ** 2
    left = ratio(totals(weights, errors**2), total)
    # Below the rounding of its sums a variance is none.
    return 1.0 - ratio(left, np.where(variance > 1e-14, variance, 0.0))


metric = Metric(
    name="r2",
    direction="higher",
    tasks=frozenset({"regression"}),
    definition="1 - (sum of squared errors) / (sum of squared differences from these rows' mean); 0 is the mean's.",
    scores=_scores,
    bounds=(float("-inf"), 1.0),
)
