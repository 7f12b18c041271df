"""Rows in the order of a score, for many weightings at once: what ROC AUC and average precision are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from luban.batch import Answers, Array
from luban.metrics._weighted import mean_of_known, membership, probabilities

Area = Callable[[Array, Array], Array]
"""`area(positive, negative)`: (draws,) from (draws, steps) weights at each step of a falling score."""


def falling(score: Array, positive: Array, weights: Array) -> tuple[Array, Array]:
    """(draws, steps) weights of positive and of negative rows at each different score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    inside = weights[:, order] * positive[order]
    outside = weights[:, order] - inside
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if len(starts) == len(order):
        return inside, outside
    return np.add.reduceat(inside, starts, axis=1), np.add.reduceat(outside, starts, axis=1)


def averaged(area: Area) -> Callable[[Array, Answers, Array], Array]:
    """The `scores` of an area: of the positive class of two; else the mean over classes, each against the rest.

    A class that has no positive or no negative rows is left out of the mean.
    """

    def scores(target: Array, answers: Answers, weights: Array) -> Array:
        given = probabilities(answers)
        member = membership(target, given.shape[1])
        two = target.ndim == 1 and given.shape[1] == 2
        columns = [1] if two else range(given.shape[1])
        areas = [area(*falling(given[:, column], member[:, column], weights)) for column in columns]
        return mean_of_known(np.stack(areas, axis=1))

    return scores
