"""Hits and misses by class, for many weightings at once: what F1 and balanced accuracy are made of."""

from __future__ import annotations

from luban.batch import Answers, Array, dense
from luban.metrics._weighted import membership, totals


def counts(target: Array, answers: Answers, weights: Array) -> tuple[Array, Array, Array]:
    """(draws, classes) weights of rows that are of the class and said to be; that are of it; that are said to be."""
    labels = target.ndim == 2
    if labels:
        classes = target.shape[1]
    elif answers.probabilities is not None:
        classes = dense(answers.probabilities).shape[1]
    else:
        classes = 1 + int(max(target.max(initial=0), dense(answers.prediction).max(initial=0)))
    true, said = membership(target, classes), membership(dense(answers.prediction), classes)
    return totals(weights, true & said), totals(weights, true), totals(weights, said)
