"""Clusterings: how clear they are, whether they come again on other rows, and what sets a cluster apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from luban.batch import Array, Batch, Inputs, dense
from luban.core.seed import derive
from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training.fitting import fit_candidate

AGAIN = 5
"""How often a clustering is fitted again on rows drawn with replacement."""


def silhouette(inputs: Inputs, labels: Array) -> float:
    """How clear clusters are, -1 to 1: how much nearer rows are to their own than to the next (Rousseeuw, 1987).

    0 where there is one cluster, or every row is its own.
    """
    from sklearn.metrics import silhouette_score

    count = len(np.unique(labels))
    if count < 2 or count >= len(labels):
        return 0.0
    return float(silhouette_score(inputs, labels))


def stability(batch: Batch, work: Work, candidate: Candidate, rows: Array, seed: int) -> dict[str, Any]:
    """Whether the same clusters come again: fitted on rows drawn with replacement, compared on the rows themselves.

    Returns the mean of the adjusted Rand index (Hubert and Arabie, 1985): 1 for the same clusters, 0 for chance; and
    how many clusters each fit found.
    """
    from sklearn.metrics import adjusted_rand_score

    some = batch.take(rows)
    first = _labels(some, work, candidate, np.arange(len(rows)), seed)
    random = np.random.default_rng(derive(seed, "stability"))
    others = [_labels(some, work, candidate, random.integers(0, len(rows), len(rows)), seed) for _ in range(AGAIN)]
    return {
        "adjusted_rand": float(np.mean([adjusted_rand_score(first, other) for other in others])),
        "clusters": [len(np.unique(other)) for other in others],
    }


def _labels(batch: Batch, work: Work, candidate: Candidate, rows: Array, seed: int) -> Array:
    form = fit_candidate(batch.take(rows), work, candidate, seed=seed, threads=1)
    return dense(form.outputs(batch.inputs)).argmax(axis=1)


def set_apart(values: Mapping[str, Array], inside: Array) -> list[dict[str, Any]]:
    """The columns by which rows inside a cluster differ most from the others, in standard deviations.

    values: (rows,) float64 by column, NaN where missing. inside: (rows,) boolean.

    >>> set_apart({"age": np.array([1.0, 2.0, 9.0, 10.0])}, np.array([True, True, False, False]))
    [{'column': 'age', 'mean': 1.5, 'others': 9.5, 'difference': -1.98}]
    """
    told = []
    for column, numbers in values.items():
        here, there = numbers[inside & np.isfinite(numbers)], numbers[~inside & np.isfinite(numbers)]
        spread = float(np.nanstd(np.where(np.isfinite(numbers), numbers, np.nan))) if len(here) and len(there) else 0.0
        if spread > 0:
            mean, others = float(here.mean()), float(there.mean())
            difference = round((mean - others) / spread, 2)
            told.append({"column": column, "mean": mean, "others": others, "difference": difference})
    return sorted(told, key=lambda line: -abs(line["difference"]))
