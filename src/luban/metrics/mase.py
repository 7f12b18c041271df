"""MASE: the mean absolute scaled error of forecasts (Hyndman and Koehler, 2006)."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._steps import errors, over_steps
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    scale = target[:, -1]
    # A series that has come round exactly so far has no scale; its rows say nothing here.
    scaled = scale > 0
    terms = over_steps(np.abs(errors(target, answers))) / np.where(scaled, scale, 1.0)
    return ratio(totals(weights, np.where(scaled, terms, 0.0)), totals(weights, scaled.astype(np.float64)))


metric = Metric(
    name="mase",
    direction="lower",
    tasks=frozenset({"forecasting"}),
    definition=(
        "The mean absolute error, divided by how far the values known so far lie from those a season before, on "
        "average: below 1 is better than repeating the last season was until then (Hyndman and Koehler, 2006)."
    ),
    scores=_scores,
    bounds=(0.0, float("inf")),
)
