"""Which models answer together, and with which weights: greedy selection over held-out rows (Caruana et al., 2004).

One model is preferred where the ensemble's gain is not real: judged on rows that did not choose the weights, it must
be larger than its own standard error (the rule of Breiman et al., 1984).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.core.seed import derive
from luban.protocols import Metric, Task
from luban.training.measuring import upwards

ROUNDS = 25
"""Models that are added at most, one model possibly several times: weights are multiples of 1 / ROUNDS or coarser."""
PATIENCE = 6
"""Models that are added without a gain before it ends: a small weight helps only once other models were repeated."""
MOST_OUTPUTS, FEWEST_ROWS = 20_000, 2_000
"""Held-out rows that choose: at most so many outputs of one model together, but not fewer rows than that."""
PARTS = 5
_BLOCKS = 40
_SMALLEST_GAIN = 1e-9


@dataclass(frozen=True)
class Selected:
    """weights: one for each model, summing to 1; 0 for a model that is not used. reason: in words."""

    weights: list[float]
    reason: str


def select(
    outputs: Sequence[Array],
    target: PerRow,
    metric: Metric,
    task: Task,
    *,
    weight: Array | None = None,
    seed: int = 0,
) -> Selected:
    """The weights of the models. outputs: (rows, outputs) of each, for rows that it was not fitted on.

    Of equally good models the first is taken.
    """
    rows = np.arange(len(target))
    most = max(MOST_OUTPUTS // outputs[0].shape[1], FEWEST_ROWS)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(derive(seed, "selection", "rows")).choice(rows, most, replace=False))
    judge = _Judge(
        np.stack([o[rows] for o in outputs]), target[rows], None if weight is None else weight[rows], metric, task
    )
    everything = np.arange(len(rows))
    alone = _only(_best(judge, everything), len(outputs))
    greedy = _greedy(judge, everything)
    if np.count_nonzero(greedy) == 1:
        place = int(np.argmax(greedy))
        return Selected(_only(place, len(outputs)).tolist(), f"adding any other model does not improve {metric.name}")
    gained, error = _cross_judged(judge, seed)
    told = (
        f"on rows that did not choose it an ensemble improves {metric.name} by {gained:.4g}, standard error {error:.2g}"
    )
    if gained > error:
        return Selected(greedy.tolist(), f"{told}, over the best single model")
    return Selected(alone.tolist(), f"the best single model: {told}")


@dataclass(frozen=True)
class _Judge:
    """Scores weighted models on rows; higher is better whatever the metric's direction."""

    outputs: Array
    target: PerRow
    weight: Array | None
    metric: Metric
    task: Task

    def score(self, mixed: Array, rows: Array) -> float:
        weight = None if self.weight is None else self.weight[rows]
        value = self.metric.score(self.target[rows], self.task.answers(mixed), weight)
        if not np.isfinite(value):
            return -np.inf
        return upwards(self.metric) * value


def _only(place: int, models: int) -> Array:
    weights = np.zeros(models)
    weights[place] = 1.0
    return weights


def _best(judge: _Judge, rows: Array) -> int:
    return int(np.argmax([judge.score(model[rows], rows) for model in judge.outputs]))


def _greedy(judge: _Judge, rows: Array) -> Array:
    """(models,) weights: from the best model on, whichever helps most is added; the best of all these mixtures."""
    outputs = judge.outputs[:, rows]
    counts = _only(_best(judge, rows), len(outputs))
    total = outputs[int(np.argmax(counts))].copy()
    best, best_score = counts.copy(), judge.score(total, rows)
    for chosen in range(1, ROUNDS):
        scores = [judge.score((total + model) / (chosen + 1), rows) for model in outputs]
        place = int(np.argmax(scores))
        counts[place] += 1
        total += outputs[place]
        if scores[place] > best_score + _SMALLEST_GAIN * abs(best_score):
            best, best_score = counts.copy(), scores[place]
        elif counts.sum() >= best.sum() + PATIENCE:
            break
    return best / best.sum()


def _cross_judged(judge: _Judge, seed: int) -> tuple[float, float]:
    """How much better ensembles do than single models, both chosen on other rows, and its standard error."""
    count = len(judge.target)
    random = np.random.default_rng(derive(seed, "selection", "parts"))
    part = random.permutation(count) % min(PARTS, count)
    mixed, unmixed = np.empty_like(judge.outputs[0]), np.empty_like(judge.outputs[0])
    for held_out in range(int(part.max()) + 1):
        inside, rest = part == held_out, np.flatnonzero(part != held_out)
        mixed[inside] = np.einsum("m,mro->ro", _greedy(judge, rest), judge.outputs[:, inside])
        unmixed[inside] = judge.outputs[_best(judge, rest)][inside]
    together, alone = judge.task.answers(mixed), judge.task.answers(unmixed)
    return gain(judge.metric, judge.target, together, alone, weight=judge.weight, random=random)


def gain(
    metric: Metric,
    target: PerRow,
    first: Answers,
    second: Answers,
    *,
    weight: Array | None = None,
    random: np.random.Generator,
) -> tuple[float, float]:
    """How much better the first answers are than the second ones to the same rows, whichever direction the metric has,
    and the standard error of that: by the jackknife over blocks of rows.

    A gain of 0 with an infinite error where the metric is undefined. random: which rows make a block.
    """
    sign, count = upwards(metric), len(target)

    def gains(counts: Array) -> Array:
        weights = counts if weight is None else counts * weight
        return sign * np.asarray(metric.scores(target, first, weights) - metric.scores(target, second, weights))

    blocks = min(_BLOCKS, count)
    block_of = random.permutation(count) % blocks
    without = gains((block_of != np.arange(blocks)[:, None]).astype(np.float64))
    without = without[np.isfinite(without)]
    whole = float(gains(np.ones((1, count)))[0])
    if len(without) < 2 or not np.isfinite(whole):
        return 0.0, float("inf")
    return whole, float(np.sqrt((len(without) - 1) / len(without) * ((without - without.mean()) ** 2).sum()))
