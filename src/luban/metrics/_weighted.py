"""Weighted sums over rows, for many weightings at once. All metrics are made of these.

einsum and not `@`: its sums do not depend on how many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luban.batch import Answers, Array, dense


def totals(weights: Array, terms: Array) -> Array:
    """(draws,) or (draws, columns) weighted sums of (rows,) or (rows, columns) terms.

    >>> totals(np.array([[1.0, 1.0], [0.0, 3.0]]), np.array([1.0, 2.0])).tolist()
    [3.0, 6.0]
    """
    if terms.ndim == 2:
        columns = [totals(weights, np.ascontiguousarray(column)) for column in terms.T]
        return np.stack(columns, axis=1)
    return np.einsum("dr,r->d", weights, terms.astype(np.float64, copy=False))


def ratio(above: Array, below: Array) -> Array:
    """above / below; NaN where `below` is not above zero."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)


def mean_of(each: Callable[[Array, Answers], Array]) -> Callable[[Array, Answers, Array], Array]:
    """The `scores` of a metric that is the weighted mean of a term a row."""

    def scores(target: Array, answers: Answers, weights: Array) -> Array:
        return ratio(totals(weights, each(target, answers)), weights.sum(axis=1))

    return scores


def mean_of_known(values: Array) -> Array:
    """(draws,) means of (draws, columns), each over the columns that are not NaN; NaN where none is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1))


def membership(target: Array, classes: int) -> Array:
    """(rows, classes) boolean: which class a row has; none for the code -1. Rows of labels are what they are.

    >>> membership(np.array([1, -1]), 2).tolist()
    [[False, True], [False, False]]
    """
    if target.ndim == 2:
        return target == 1
    return target[:, None] == np.arange(classes)


def probabilities(answers: Answers) -> Array:
    """(rows, classes) of answers that must have them."""
    if answers.probabilities is None:
        raise ValueError("this metric needs probabilities, and these answers have none.")
    return dense(answers.probabilities)
