"""MAE: the mean absolute error."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._steps import errors, over_steps
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def distance(target: Array, answers: Answers) -> Array:
    """(rows,) absolute differences between prediction and truth; of forecasts their mean over the steps."""
    return over_steps(np.abs(errors(target, answers)))


metric = Metric(
    name="mae",
    direction="lower",
    tasks=frozenset({"regression", "forecasting", "similarity"}),
    definition="The mean absolute difference between prediction and truth, in the target's unit.",
    scores=mean_of(distance),
    each=distance,
    bounds=(0.0, float("inf")),
)
