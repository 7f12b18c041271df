"""Whether an edit helps: the terms under which it is kept, whatever it was tried on.

The condition no longer sees its signal; nothing severe is new; the paired gain on held-out rows has an interval above
zero; and further rows, which this gain was not read from, do not say the opposite. Where the signal itself is the proof
(a structural one: weights that were arbitrary are determined) no gain is asked for, only that rows are not answered
worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from luban.batch import Array, PerRow
from luban.core.seed import derive
from luban.evidence.finding import Effect, Repair
from luban.protocols import Metric, Task
from luban.training import measuring

PROVING = 2 / 3
"""Share of the held-out rows that the gain is read from; the others are looked at once, to contradict it."""
BOUNDED = {"binary": "brier", "multiclass": "brier", "regression": "mae"}
"""What the answers of some tasks are compared by here, instead of what models are compared by: in a logarithm, or a
square, a single row that a model is far off at would outweigh all others, and few rows would show nothing.
"""


@dataclass(frozen=True)
class Gain:
    """How much better the later answers are, paired; and the score of each."""

    effect: Effect
    before: float
    after: float

    @property
    def contradicts(self) -> bool:
        """Whether the later answers are worse by more than a standard error."""
        return self.effect.value < -(self.effect.high - self.effect.low) / 3.92


def metric_of(task: Task) -> str:
    """The name of the metric that a task's answers are compared by here; empty where it has none."""
    return BOUNDED.get(task.name, task.compared_by)


def parts(rows: int, seed: int) -> tuple[Array, Array]:
    """Numbers of the held-out rows that a gain is read from, and of those that may contradict it; ascending."""
    order = np.random.default_rng(derive(seed, "treating")).permutation(rows)
    count = round(PROVING * rows)
    return np.sort(order[:count]), np.sort(order[count:])


def gain(
    metric: Metric,
    task: Task,
    target: PerRow,
    before: PerRow,
    after: PerRow,
    *,
    weight: Array | None = None,
    groups: Array | None = None,
    seed: int = 0,
) -> Gain:
    """The gain of `after` over `before`, outputs for the same rows."""
    answers = [task.answers(outputs) for outputs in (after, before)]
    new, old = (float(metric.score(target, each, weight)) for each in answers)
    rows = len(target)
    try:
        apart = measuring.difference(metric, target, *answers, weight=weight, groups=groups, seed=seed)
    except ValueError:
        # Of one class alone, say: nothing is shown.
        return Gain(Effect(metric.name, 0.0, 0.0, 0.0, rows), old, new)
    sign = measuring.upwards(metric)
    low, high = sorted((sign * apart.low, sign * apart.high))
    return Gain(Effect(metric.name, sign * apart.value, low, high, rows), old, new)


def judged(
    repair: Repair,
    *,
    still_seen: bool,
    new: Iterable[str],
    gain: Callable[[Array], Gain],
    proving: Array,
    untouched: Array,
    structural: bool = False,
) -> Repair:
    """What becomes of an edit: kept under the terms of this module, or taken back with the first that failed.

    repair: with the edit that was tried. new: severe conditions that were not seen before. gain: by numbers of rows.
    """
    (edit,) = repair.edits
    if still_seen:
        return replace(repair, reason=f"taken back: {repair.condition} is still seen")
    if first := min(new, default=""):
        return replace(repair, reason=f"taken back: {first} is new")
    shown = gain(proving)
    told = f"{shown.effect.metric} on {shown.effect.rows} rows that neither training saw"
    repair = replace(repair, before=shown.before, after=shown.after, effect=shown.effect)
    if structural and shown.effect.high < 0:
        return replace(repair, reason=f"taken back: {told}, is worse beyond chance")
    if not structural and shown.effect.low <= 0:
        return replace(repair, reason=f"taken back: {told}, not beyond chance")
    further = gain(untouched)
    if further.contradicts:
        return replace(repair, reason=f"taken back: {further.effect.rows} further rows say the opposite")
    shows = f"{told}, is not worse" if structural else told
    reason = f"{edit.reason}; {shows}, and {further.effect.rows} others do not contradict"
    return replace(repair, accepted=True, reason=reason)
