"""Median absolute error: half of the rows are predicted at least this well."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    errors = np.abs(answers.prediction - target)
    order = np.argsort(errors, kind="stable")
    passed = np.cumsum(weights[:, order], axis=1)
    half = 0.5 * passed[:, -1:]
    # Two rows share the middle where exactly half of the weight lies before it. The tolerance is for sums of fractions.
    slack = 1e-12 * half
    last = len(errors) - 1
    lower = np.minimum((passed < half - slack).sum(axis=1), last)
    upper = np.minimum((passed <= half + slack).sum(axis=1), last)
    middle = 0.5 * (errors[order[lower]] + errors[order[upper]])
    return np.where(half[:, 0] > 0, middle, np.nan)


metric = Metric(
    name="median-absolute-error",
    direction="lower",
    tasks=frozenset({"regression"}),
    definition="The (weighted) median of the absolute differences between prediction and truth, in the target's unit.",
    scores=_scores,
    bounds=(0.0, float("inf")),
)
