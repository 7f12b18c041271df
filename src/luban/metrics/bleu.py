"""BLEU: how many of the words and word sequences that were written are those of the reference."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.metrics._texts import counted, sacrebleu
from luban.metrics._weighted import totals
from luban.protocols import Metric

ORDERS = 4


def _counts(said: list[str], wanted: list[str]) -> Array:
    """(rows, 10): words said, words wanted, then what was right and what was said of each order."""
    return np.array(sacrebleu("BLEU")(force=True)._extract_corpus_statistics(said, [wanted]))


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    sums = totals(weights, counted(_counts, target, answers))
    said, wanted, right, every = sums[:, 0], sums[:, 1], sums[:, 2 : 2 + ORDERS], sums[:, 2 + ORDERS :]
    # Each order of which nothing is right counts as half of the one before (exponential smoothing).
    halved = np.exp2(np.cumsum(right == 0, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(right > 0, right / every, 1 / (halved * every))
        logarithm = np.where(every > 0, np.log(precision), -np.inf).mean(axis=1)
        brevity = np.where(said < wanted, 1 - wanted / said, 0.0)
        score = 100 * np.exp(logarithm + brevity)
    score = np.where((right > 0).any(axis=1) & (said > 0), np.minimum(score, 100.0), 0.0)
    return np.where(weights.sum(axis=1) > 0, score, np.nan)


metric = Metric(
    name="bleu",
    direction="higher",
    tasks=frozenset({"sequence-to-sequence"}),
    definition=(
        "100 BP exp(mean over n = 1 to 4 of log p_n), p_n the share of the word n-grams written that are in the "
        "reference, over all rows together, BP = min(1, exp(1 - wanted / written)) (Papineni et al., 2002), with the "
        "words and the smoothing of sacrebleu (Post, 2018): 13a, exp, cases kept."
    ),
    scores=_scores,
    bounds=(0.0, 100.0),
)
