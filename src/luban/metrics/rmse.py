"""RMSE: the root of the mean squared error."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._steps import errors, over_steps
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    away = errors(target, answers)
    # Squares of the largest values would leave the range of floats.
    largest = float(np.abs(away).max(initial=0.0)) or 1.0
    return largest * np.sqrt(ratio(totals(weights, over_steps((away / largest) ** 2)), weights.sum(axis=1)))


metric = Metric(
    name="rmse",
    direction="lower",
    tasks=frozenset({"regression", "forecasting", "similarity"}),
    definition="The root of the mean squared difference between prediction and truth, in the target's unit.",
    scores=_scores,
    bounds=(0.0, float("inf")),
)
