"""Racing: a network that its first held-out part shows to be without a prospect is not trained beside the others.

To train a network takes minutes where other models take seconds, and beside five held-out parts it is trained six
times. After the first of them it is known how far it lies behind the best model on the same rows (Maron and Moore,
1994). It is left where that is beyond chance, and where it does not help in a mixture either, with the best model
that sees rows as it does. The rows that say so are those that choose models anyway; no test row is among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luban.batch import Array, PerRow, Ragged, dense
from luban.evidence.finding import Effect
from luban.protocols import Metric, Task
from luban.training import proof
from luban.training.choosing import mixed
from luban.training.measuring import upwards
from luban.training.unit import Training

FEWEST = 20
"""Rows of a part below which they say too little of a model."""
SHARES = (0.5, 0.25, 0.1)
"""Of a model in the mixtures in which it may help: what the choice tries begins so, one half and then less."""


@dataclass(frozen=True)
class Entrant:
    """A candidate and what it answered to the first part. view: how it sees rows. stays: it is compared with, and not
    left itself.
    """

    label: str
    outputs: PerRow
    view: str
    stays: bool = False


@dataclass(frozen=True)
class Course:
    """The rows of the first part, and by what answers to them are compared."""

    target: PerRow
    metric: Metric
    task: Task
    parts: int
    weight: Array | None = None
    groups: Array | None = None
    seed: int = 0

    def gain(self, before: PerRow, after: PerRow) -> Effect:
        """How much better the later answers are, paired."""
        return proof.gain(
            self.metric, self.task, self.target, before, after,
            weight=self.weight, groups=self.groups, seed=self.seed,
        ).effect  # fmt: skip

    def score(self, outputs: PerRow) -> float:
        """As the metric says it; NaN where it is undefined."""
        return float(self.metric.score(self.target, self.task.answers(outputs), self.weight))

    def order(self, scores: Sequence[float]) -> list[int]:
        """The places of the scores, the best one first; undefined ones at the end."""
        sign = upwards(self.metric)
        return sorted(range(len(scores)), key=lambda p: -sign * scores[p] if np.isfinite(scores[p]) else np.inf)


def possible(training: Training) -> bool:
    """Whether a part says what the others would: each row is held out once, beside all others, and there are enough.

    Where folds go forward in time the first one is learned from few rows, and one part alone leaves no others.
    """
    folds = training.folds[0]
    whole = training.reach is None and not (folds == -1).any() and int(folds.max()) > 0
    return whole and int((folds == 0).sum()) >= FEWEST


def left(course: Course, entrants: Sequence[Entrant]) -> Mapping[int, str]:
    """Which entrants are without a prospect, by their place, and why. The best one never is; of equal ones the first.

    Deterministic in its arguments.
    """
    if len(entrants) < 2:
        return {}
    scores = [course.score(each.outputs) for each in entrants]
    order = course.order(scores)
    best = entrants[order[0]]
    found: dict[int, str] = {}
    for place in order[1:]:
        own = entrants[place]
        behind = None if own.stays else _behind(course, best, own)
        if behind is None:
            continue
        partner = next(entrants[p] for p in order if p == place or entrants[p].view == own.view)
        if partner is own or not _helps(course, best, partner, own):
            found[place] = (
                f"left after one of {course.parts} held-out parts: {course.metric.name} {scores[place]:.3g}, where "
                f"{best.label} has {scores[order[0]]:.3g} on the same {behind.rows} rows, {_worse(behind)}"
            )
    return found


def _behind(course: Course, best: Entrant, own: Entrant) -> Effect | None:
    """What a model lacks to the best; None where that is not beyond chance."""
    effect = course.gain(best.outputs, own.outputs)
    return effect if effect.high < 0 else None


def _helps(course: Course, best: Entrant, partner: Entrant, own: Entrant) -> bool:
    """Whether a mixture with a partner is better than the best by more than a standard error, as the choice asks."""
    if isinstance(own.outputs, Ragged) or isinstance(partner.outputs, Ragged):
        return False
    for share in SHARES:
        effect = course.gain(best.outputs, mixed((1 - share, share), (dense(partner.outputs), dense(own.outputs))))
        if effect.value > (effect.high - effect.low) / 3.92:
            return True
    return False


def _worse(behind: Effect) -> str:
    low, high = sorted((-behind.low, -behind.high))
    return f"worse by {-behind.value:.3g} [{low:.3g}, {high:.3g}]"
