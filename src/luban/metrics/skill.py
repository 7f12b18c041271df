"""Skill: how much of what the simplest model gets wrong a model gets right, on average over several targets."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, dense
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0, so that one wrong certainty is dear, not infinite."""


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    skills = []
    for every, answered in zip(np.asarray(target, np.float64).T, answers.parts, strict=True):
        known = np.isfinite(every)
        if known.all():
            skills.append(_skill(every, answered, weights))
        elif known.any():
            skills.append(_skill(every[known], answered.take(known), weights[:, known]))
    return np.mean(skills, axis=0) if skills else np.full(len(weights), np.nan)


def _skill(true: Array, part: Answers, weights: Array) -> Array:
    """(draws,) of one target, on rows that have it."""
    total = weights.sum(axis=1)
    if part.probabilities is None:
        centred = true - true.mean()
        missed = ratio(totals(weights, (dense(part.prediction) - true) ** 2), total)
        spread = ratio(totals(weights, centred**2), total) - ratio(totals(weights, centred), total) ** 2
    else:
        given = dense(part.probabilities)
        codes = true.astype(np.int64)
        missed = ratio(totals(weights, -np.log(np.maximum(given[np.arange(len(codes)), codes], SMALLEST))), total)
        shares = ratio(totals(weights, codes[:, None] == np.arange(given.shape[1])), total[:, None])
        spread = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
    return 1.0 - ratio(missed, np.where(spread > 1e-14, spread, 0.0))


metric = Metric(
    name="skill",
    direction="higher",
    tasks=frozenset({"multi-task"}),
    definition=(
        "The mean over targets of 1 - (mean loss) / (mean loss of the best constant answer on these rows): of values "
        "the squared error, which makes it R2, of classes the log loss (McFadden, 1974); 0 is the constant's. "
        "Rows without a target do not count for it."
    ),
    scores=_scores,
    bounds=(float("-inf"), 1.0),
)
