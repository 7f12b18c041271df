"""What language models count of each text: sums of -log p, and of tokens, for any number of weightings."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, PerRow, dense
from luban.metrics._weighted import totals


def ratio(numerator: Array, denominator: Array, weights: Array) -> Array:
    """(draws,) the weighted sum of one over that of the other; NaN where there is nothing to divide by."""
    sums = totals(weights, np.stack([numerator, denominator], axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1], np.nan)


def counted(answers: Answers) -> Array:
    """(rows, 2 or 3) what was counted of each text."""
    if answers.counted is None:
        raise TypeError("only a language model counts the tokens of texts.")
    return answers.counted


def sizes(target: PerRow) -> Array:
    """(rows,) bytes of each text."""
    return dense(target).astype(np.float64)
