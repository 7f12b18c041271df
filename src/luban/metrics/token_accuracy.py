"""Token accuracy: the share of words whose tag is the true one."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.metrics._tags import counted
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric


def _counts(target: Array, said: Array, row: Array, rows: int, names: tuple[str, ...]) -> Array:
    """(rows, 2): how many words are right, and how many there are."""
    right = np.bincount(row, target == said, minlength=rows)
    return np.stack([right, np.bincount(row, minlength=rows)], axis=1)


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    sums = totals(weights, counted(_counts, target, answers))
    return ratio(sums[:, 0], sums[:, 1])


metric = Metric(
    name="token-accuracy",
    direction="higher",
    tasks=frozenset({"tagging"}),
    definition=(
        "The share of the words of all rows whose tag is the true one; a tag that the model does not know is never the "
        "answer, so it counts as wrong."
    ),
    scores=_scores,
    bounds=(0.0, 1.0),
)
