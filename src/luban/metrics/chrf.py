"""chrF: how many of the character sequences of the reference were written, and the other way round."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.metrics._texts import counted, sacrebleu
from luban.metrics._weighted import totals
from luban.protocols import Metric

BETA = 2


def _counts(said: list[str], wanted: list[str]) -> Array:
    """(rows, 18): of each of six orders how many were said, wanted, and both."""
    return np.array(sacrebleu("CHRF")()._extract_corpus_statistics(said, [wanted]))


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    sums = totals(weights, counted(_counts, target, answers)).reshape(len(weights), -1, 3)
    said, wanted, both = sums[..., 0], sums[..., 1], sums[..., 2]
    there = (said > 0) & (wanted > 0)
    orders = np.maximum(there.sum(axis=1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(there, both / said, 0.0).sum(axis=1) / orders
        recall = np.where(there, both / wanted, 0.0).sum(axis=1) / orders
        score = 100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
    score = np.where(precision + recall > 0, np.minimum(score, 100.0), 0.0)
    return np.where(weights.sum(axis=1) > 0, score, np.nan)


metric = Metric(
    name="chrf",
    direction="higher",
    tasks=frozenset({"sequence-to-sequence"}),
    definition=(
        "100 (1 + 4) P R / (4 P + R), P and R the mean over n = 1 to 6 of the shares of the character n-grams, spaces "
        "left out, that were written and are in the reference, over all rows together (Popovic, 2015), as sacrebleu "
        "has it."
    ),
    scores=_scores,
    bounds=(0.0, 100.0),
)
