"""From the decisions of a machine to probabilities: the factors that make them the likeliest (Platt, 1999).

The decisions are those of fits that did not see the row. There is no bias, so the likelier class is always the one that
the machine names.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.models import _answering

Decide = Callable[[Array, Array], Array]
"""`decide(seen, asked)`: what a machine that saw some rows decides about others, (asked, columns)."""
FOLDS = 3
"""Parts whose decisions teach the probabilities."""


def held_out(decide: Decide, codes: Array, classes: int, columns: int, seed: int) -> Array:
    """(rows, columns) the decision about each row by a machine that did not see it; NaN where a part lacks a class."""
    fold = _answering.folds(codes, FOLDS, derive(seed, "decisions"))
    decisions = np.full((len(codes), columns), np.nan)
    for part in range(FOLDS):
        seen, asked = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        if len(asked) and len(np.unique(codes[seen])) == classes:
            decisions[asked] = decide(seen, asked)
    return decisions


def sigmoid_factor(decisions: Array, codes: Array) -> float:
    """The factor that makes sigmoid(factor * decision) the likeliest for what the rows turned out to be."""
    from scipy.optimize import minimize_scalar

    known = np.isfinite(decisions[:, 0])
    if not known.any():
        return 1.0
    signed = np.where(codes[known] == 1, decisions[known, 0], -decisions[known, 0])

    def loss(logarithm: float) -> float:
        return float(np.logaddexp(0.0, -np.exp(logarithm) * signed).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 4.0), method="bounded").x))


def vote_weights(decisions: Array, codes: Array) -> tuple[float, float]:
    """How much votes and summed decisions count, so that the probabilities are the likeliest."""
    from scipy.optimize import minimize

    from luban.forms.kernel import voted

    known = np.isfinite(decisions).all(axis=1)
    if not known.any():
        return 1.0, 1.0
    there, truth = decisions[known], codes[known]

    def loss(logarithms: Array) -> float:
        weights = float(np.exp(logarithms[0])), float(np.exp(logarithms[1]))
        said = voted(there, weights)[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(said, 1e-12)).mean())

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", bounds=[(-4.0, 4.0)] * 2, options={"maxiter": 80})
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))


def softmax_factor(sums: Array, codes: Array) -> float:
    """The factor that makes softmax(factor * sums) the likeliest for what the rows turned out to be."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    known = np.isfinite(sums).all(axis=1)
    if not known.any():
        return 1.0
    there, truth = sums[known], codes[known]

    def loss(logarithm: float) -> float:
        scaled = there * np.exp(logarithm)
        return float((logsumexp(scaled, axis=1) - scaled[np.arange(len(truth)), truth]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 4.0), method="bounded").x))
