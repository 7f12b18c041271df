"""F1: the harmonic mean of precision and recall."""

from __future__ import annotations

from luban.batch import Answers, Array
from luban.metrics import _confusion
from luban.metrics._weighted import mean_of_known, ratio
from luban.protocols import Metric


def _scores(target: Array, answers: Answers, weights: Array) -> Array:
    hits, true, said = _confusion.counts(target, answers, weights)
    each = ratio(2 * hits, true + said)
    two = target.ndim == 1 and each.shape[1] == 2
    return each[:, 1] if two else mean_of_known(each)


metric = Metric(
    name="f1",
    direction="higher",
    tasks=frozenset({"binary", "multiclass", "multilabel"}),
    definition=(
        "2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall (van Rijsbergen, 1979): of the positive "
        "class of two; else the mean over the classes or labels that occur or are predicted."
    ),
    scores=_scores,
    bounds=(0.0, 1.0),
)
