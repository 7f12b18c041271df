"""Pinball loss: how well quantiles fit the values (Koenker and Bassett, 1978)."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._steps import truth
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def loss(target: Array, answers: Answers) -> Array:
    """(rows,) the mean over steps and shares; NaN where the answers have no quantiles."""
    if answers.quantiles is None:
        return np.full(len(target), np.nan)
    away = truth(target, answers)[:, :, None] - answers.quantiles
    shares = np.array(answers.shares)
    return np.asarray(np.maximum(shares * away, (shares - 1) * away).mean(axis=(1, 2)))


metric = Metric(
    name="pinball",
    direction="lower",
    tasks=frozenset({"forecasting"}),
    definition=(
        "The mean over quantiles of the distance to the truth, weighed by the quantile's share where the truth lies "
        "above and by the rest where it lies below (Koenker and Bassett, 1978), in the target's unit."
    ),
    scores=mean_of(loss),
    each=loss,
    bounds=(0.0, float("inf")),
)
