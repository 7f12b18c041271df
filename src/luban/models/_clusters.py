"""How many clusters there are: each number is tried, judged by a criterion, and its stability is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.forms._choice import Choice, Trial

MOST_JUDGED = 2_000
"""Rows by which numbers of clusters are judged: a silhouette looks at every pair of them."""
RESAMPLES = 4
"""How often a number is fitted again on rows drawn with replacement."""

Labelling = Callable[[Array, int], Array]
"""`(rows to fit, clusters)`: the label of each of the judged rows."""


def some(rows: int, seed: int, most: int = MOST_JUDGED) -> Array:
    """The numbers of the rows that judge, ascending: all of them, or as many as `most` drawn at random."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(derive(seed, "judged")).choice(rows, most, replace=False))


def choose(
    numbers: Iterable[int],
    score: Callable[[Array, int], float],
    label: Labelling,
    rows: int,
    criterion: str,
    seed: int,
) -> Choice:
    """The number of clusters with the highest score; each trial says how stable it is.

    score: `(labels of the judged rows, clusters)`, higher is better.
    Stability is the mean adjusted Rand index between the clustering and those of rows drawn with replacement.
    """
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng(derive(seed, "stability"))
    draws = [random.integers(0, rows, rows) for _ in range(RESAMPLES)]
    trials = []
    for clusters in numbers:
        labels = label(np.arange(rows), clusters)
        agreement = [adjusted_rand_score(labels, label(draw, clusters)) for draw in draws] if clusters > 1 else [1.0]
        trials.append(Trial(clusters, float(score(labels, clusters)), float(np.mean(agreement))))
    best = max(trials, key=lambda trial: trial.score)
    reason = f"the best {criterion} of {trials[0].clusters} to {trials[-1].clusters} clusters: {best.score:.4g}"
    return Choice(best.clusters, criterion, f"{reason}; stability {best.stability:.2f}", tuple(trials))
