"""Average precision: how pure the rows with the highest probabilities are."""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.metrics._curves import averaged
from luban.metrics._weighted import ratio
from luban.protocols import Metric


def _area(positive: Array, negative: Array) -> Array:
    found = np.cumsum(positive, axis=1)
    taken = found + np.cumsum(negative, axis=1)
    precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
    total = found[:, -1]
    return ratio(np.einsum("ds,ds->d", positive, precision), total)


metric = Metric(
    name="average-precision",
    direction="higher",
    tasks=frozenset({"binary", "multiclass", "multilabel"}),
    definition=(
        "The sum over falling thresholds of precision times the recall gained, without interpolation (Zhu, 2004); of "
        "several classes or labels the mean of each against the rest."
    ),
    scores=averaged(_area),
    bounds=(0.0, 1.0),
)
