"""How far values rise and fall together with others, for many weightings at once."""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.metrics._weighted import ratio

SMALLEST = 1e-14
"""A variance that is a smaller share of the mean square is the rounding of its sums."""


def correlation(truth: Array, said: Array, weights: Array) -> Array:
    """(draws,) weighted correlation of Pearson; NaN where the truth has one value only, 0 where what is said has.

    truth, said: (rows,), or (draws, rows) where they differ from draw to draw. weights: (draws, rows).

    >>> values = np.array([1.0, 2.0, 4.0])
    >>> [correlation(values, said, np.ones((1, 3))).round(12).tolist() for said in (3 - 2 * values, 0 * values)]
    [[-1.0], [0.0]]
    """
    total = weights.sum(axis=1)
    one, two = (_centred(each, weights, total) for each in (truth, said))
    together, alone, other = (np.einsum("dr,dr->d", weights, each) for each in (one * two, one * one, two * two))
    found = ratio(together, np.sqrt(alone) * np.sqrt(np.where(other > 0, other, 1.0)))
    return np.clip(found, -1.0, 1.0)


def ranks(values: Array, weights: Array) -> Array:
    """(draws, rows) the rank of each row: the weight of all rows below it, and half of that of its equals.

    >>> ranks(np.array([5.0, 1.0, 5.0]), np.ones((1, 3))).tolist()
    [[2.0, 0.5, 2.0]]
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    alike = np.add.reduceat(weights[:, order], np.flatnonzero(begins), axis=1)
    middle = np.cumsum(alike, axis=1) - 0.5 * alike
    group = np.empty(len(values), np.int64)
    group[order] = np.cumsum(begins) - 1
    return np.asarray(middle[:, group])


def _centred(values: Array, weights: Array, total: Array) -> Array:
    """(draws, rows) less their weighted mean, over the largest; 0 where all rows with a weight have one value."""
    rows = np.broadcast_to(values, weights.shape)
    # Squares of the largest values would leave the range of floats, and sums of squares far from 0 their precision.
    own = rows - rows[:, :1]
    largest = np.abs(own).max(axis=1, keepdims=True, initial=0.0)
    own = own / np.where(largest > 0, largest, 1.0)
    square = ratio(np.einsum("dr,dr->d", weights, own * own), total)
    mean = ratio(np.einsum("dr,dr->d", weights, own), total)
    found = own - mean[:, None]
    left = ratio(np.einsum("dr,dr->d", weights, found * found), total)
    return np.where((left > SMALLEST * square)[:, None], found, 0.0)
