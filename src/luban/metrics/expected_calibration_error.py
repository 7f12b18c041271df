"""Expected calibration error: how far the confidence in an answer is from how often it is right."""

from __future__ import annotations

import math

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._weighted import probabilities as given_probabilities
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric

BINS = 15
_erf = np.frompyfunc(math.erf, 1, 1)


def bins(confidence: Array) -> Array:
    """(rows,) the bin of each row: up to `BINS` of equal numbers of rows, equal confidences together.

    >>> bins(np.array([0.9, 0.5, 0.9])).tolist()
    [1, 0, 1]
    """
    count = min(BINS, len(confidence))
    edges = np.unique(np.sort(confidence)[(np.arange(1, count) * len(confidence)) // count])
    found = np.searchsorted(edges, confidence, side="right")
    return np.unique(found, return_inverse=True)[1]


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    probabilities = given_probabilities(answers)
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == target).astype(np.float64)
    bin_of = bins(confidence)
    inside = bin_of[:, None] == np.arange(bin_of.max() + 1)
    total = totals(weights, inside)
    # Rounding may carry a share past 1.
    accuracy = np.minimum(ratio(totals(weights, inside * right[:, None]), total), 1.0)
    gap = np.abs(accuracy - ratio(totals(weights, inside * confidence[:, None]), total))
    squares = totals(weights**2, inside)
    rows = ratio(total**2, squares)
    error = np.sqrt(ratio(accuracy * (1.0 - accuracy), rows - 1.0))
    # A bin of one row tells nothing about its noise: its gap counts as it is.
    unbiased = np.where(error > 0, 2.0 * gap - _folded(gap, np.where(error > 0, error, 1.0)), gap)
    gaps = np.where(total > 0, total * unbiased, 0.0).sum(axis=1)
    return np.maximum(ratio(gaps, weights.sum(axis=1)), 0.0)


def _folded(mean: Array, deviation: Array) -> Array:
    """The mean of |X| for a normal X."""
    scaled = mean / (deviation * math.sqrt(2.0))
    return deviation * math.sqrt(2.0 / math.pi) * np.exp(-(scaled**2)) + mean * np.asarray(_erf(scaled), np.float64)


metric = Metric(
    name="expected-calibration-error",
    direction="lower",
    tasks=frozenset({"binary", "multiclass"}),
    definition=(
        "The mean gap between the probability of the likeliest class and how often it is the true one, over 15 bins "
        "with equal numbers of rows (Guo et al., 2017). Noise alone makes a gap g of standard error s look like the "
        "mean of |N(g, s)|, so each bin counts 2 g minus that mean (Kumar et al., 2019), and the sum at least 0."
    ),
    scores=_scores,
    bounds=(0.0, 1.0),
)
