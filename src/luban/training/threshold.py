"""The probability from which the positive class, or no answer, is answered, chosen on rows not tested."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from luban import spans
from luban.batch import Array, Ragged
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean
from luban.evidence import intervals
from luban.protocols import Metric, Task
from luban.training.measuring import upwards

HALF = 0.5
MOST = 400
"""Thresholds that are tried at most."""
PARTS = 5
"""Parts of the rows, each judged by a threshold that the others chose."""
COSTS = ("false-positive", "false-negative")


def by_metric(
    probability: Array, target: Array, metric: Metric, task: Task, weight: Array | None = None
) -> tuple[float, str]:
    """The threshold with the best score, and why; one half where the metric does not depend on it.

    probability: (rows,) of the positive class. target: (rows,) codes 0 and 1. Of equally good ones the nearest to 0.5.
    """
    outputs = np.stack([1.0 - probability, probability], axis=1)
    sign = upwards(metric)

    def score(cut: float) -> float:
        return metric.score(target, task.answers(outputs, cut), weight)

    cuts = _cuts(probability)
    scores = np.array([score(cut) for cut in cuts])
    known = np.isfinite(scores)
    if not known.any():
        return HALF, f"{metric.name} is undefined on the held-out rows, so the more probable class is answered"
    gains = np.where(known, sign * scores, -np.inf)
    best = gains.max()
    if gains[known].max() - gains[known].min() <= 0:
        return HALF, f"{metric.name} does not depend on a threshold, so the more probable class is answered"
    place = _nearest_to(HALF, cuts, gains >= best - 1e-12)
    told = f"{metric.name} on {len(target):,} held-out rows is {sign * best:.4f} there and {score(HALF):.4f} at 0.5"
    return float(cuts[place]), told


def by_absence(
    outputs: Ragged, target: Ragged, metric: Metric, task: Task, weight: Array | None = None
) -> tuple[float, str]:
    """The share of `spans.absent` above which a question is answered by nothing, and why; the best for the metric.

    outputs: pieces of texts of rows that were held out. target: the wanted ones. metric: a mean of rows. Of equally
    good shares the nearest to one half.
    """
    share = spans.absent(outputs)
    if not share.any():
        return HALF, "the model always answers"
    assert metric.each is not None, "how good an answer is, is told of each row"
    always, never = (task.answers(outputs, cut) for cut in (1.0, -1.0))
    piece, nothing = metric.each(target, always), metric.each(target, never)
    given = np.ones(len(share)) if weight is None else weight

    def score(cut: float) -> float:
        return float(np.average(np.where(share > cut, nothing, piece), weights=given))

    cuts = _cuts(share)
    scores = np.array([score(cut) for cut in cuts])
    sign = upwards(metric)
    best = (sign * scores).max()
    place = _nearest_to(HALF, cuts, sign * scores >= best - 1e-12)
    told = f"{metric.name} on {len(share):,} held-out rows is {sign * best:.4f} there and {score(HALF):.4f} at 0.5"
    return float(cuts[place]), f"{told}; above it nothing is answered"


def by_cost(
    probability: Array, target: Array, cost: Mapping[str, float], weight: Array | None = None
) -> tuple[float, str]:
    """The threshold with the least cost, and why.

    cost: what a `false-positive` and a `false-negative` cost; 1 for one that is not named.

    For right probabilities it is FP / (FP + FN) (Elkan, 2001). Another is taken only where it is shown to be cheaper:
    on rows that did not choose it, the interval of what it saves lies above zero.
    Raises UsageError for another name, a negative cost, or no cost at all.
    """
    false_positive, false_negative = _costs(cost)
    expected = false_positive / (false_positive + false_negative)
    given = np.ones(len(target)) if weight is None else weight
    cuts = np.unique(np.append(_cuts(probability), expected))

    def costs(cut: float, rows: Array) -> Array:
        said, true = probability[rows] >= cut, target[rows] == 1
        return np.where(said & ~true, false_positive, np.where(~said & true, false_negative, 0.0))

    def cheapest(rows: Array) -> float:
        paid = np.array([(costs(cut, rows) * given[rows]).sum() for cut in cuts])
        return float(cuts[_nearest_to(expected, cuts, paid <= paid.min() * (1 + 1e-12))])

    told = f"a false positive costs {false_positive:g} and a false negative {false_negative:g}"
    everyone = np.arange(len(target))
    if len(target) >= 2 * PARTS:
        saved = np.empty(len(target))
        for part in range(PARTS):
            inside, rest = everyone[part::PARTS], np.delete(everyone, everyone[part::PARTS])
            saved[inside] = costs(expected, inside) - costs(cheapest(rest), inside)
        gain = intervals.of_mean(saved, given)
        if gain.low > 0:
            mean = np.average(saved, weights=given)
            return cheapest(
                everyone
            ), f"{told}; {mean:.3g} a row cheaper than {expected:.3g} on rows not used to choose it"
    return expected, f"{told}; FP / (FP + FN), than which none is shown to be cheaper on {len(target):,} held-out rows"


def _costs(cost: Mapping[str, float]) -> tuple[float, float]:
    for name, value in cost.items():
        if name not in COSTS:
            raise UsageError(f"there is no cost '{name}'. {did_you_mean(name, COSTS)}", where="train.cost")
        if not (0 <= value < float("inf")):
            raise UsageError(f"the cost of a {name} must be 0 or more, not {value}.", where="train.cost")
    false_positive, false_negative = (float(cost.get(name, 1.0)) for name in COSTS)
    if false_positive + false_negative == 0:
        raise UsageError(
            "a threshold by cost needs a cost above 0.", where="train.cost", fix="--set train.cost.false-negative=10"
        )
    return false_positive, false_negative


def _cuts(probability: Array) -> Array:
    """One half, and the middles between neighbouring probabilities; of many, evenly spread ones."""
    distinct = np.unique(probability)
    middles = (distinct[1:] + distinct[:-1]) / 2
    if len(middles) > MOST:
        middles = middles[np.linspace(0, len(middles) - 1, MOST).round().astype(np.int64)]
    return np.unique(np.append(middles, HALF))


def _nearest_to(wanted: float, cuts: Array, among: Array) -> int:
    return int(np.argmin(np.where(among, np.abs(cuts - wanted), np.inf)))
