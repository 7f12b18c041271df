"""A part of the rows that is answered much worse than the rest: a town, a sex, a machine, rows without a value.

Signal: for each value of a category, a boolean or a group, for each of at most ten different numbers, and for missing
values, the mean error in that part less the mean over all rows; the error is 0 or 1 of classes, and of values relative
to the best constant answer. Threshold 0.15, and beyond chance against the other rows (q < 0.05, corrected for all parts
that were looked at by Benjamini and Hochberg, 1995; Fisher's exact test for classes, Mann and Whitney's for values), in
a part of at least 5% of the rows. Rows about which the model itself is as unsure as it is wrong are no surprise: of
classes the error must exceed what its probabilities admit there by half the threshold. Silent for parts of fewer than
20 rows, and where no column makes parts. No edit cures it: more rows of that part do, columns that matter there, or a
model of its own.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.conditions import _answers
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Judgement, Slice, errors
from luban.protocols import Condition

THRESHOLD = 0.15
CHANCE = 0.05
SHARE = 0.05
FEWEST = 20
UNADMITTED = THRESHOLD / 2


def examine(judgement: Judgement) -> list[Finding]:
    if judgement.slices is None:
        raise judgement.lacks("slices")
    error = errors(judgement.task, judgement.held_out)
    parts = [part for part in judgement.slices if _judged(part.inside)]
    if not parts:
        raise ValueError("no column parts the held-out rows into parts of 5% or more, and at least 20 rows")
    chances = _corrected(np.array([_chance(judgement.task, error, part.inside) for part in parts]))
    mean = float(error.mean())
    beyond = np.array([float(error[part.inside].mean()) - mean for part in parts])
    seen = (beyond > THRESHOLD) & (chances < CHANCE)
    seen &= np.array([_surprising(judgement, error, part) for part in parts])
    if not seen.any():
        return []
    worst = max(np.flatnonzero(seen), key=lambda place: beyond[place])
    others = [parts[place].what for place in np.flatnonzero(seen) if place != worst]
    return [_finding(judgement, parts[worst], error, float(beyond[worst]), float(chances[worst]), others)]


def _finding(
    judgement: Judgement, part: Slice, error: Array, beyond: float, chance: float, others: list[str]
) -> Finding:
    inside, mean = float(error[part.inside].mean()), float(error.mean())
    if judgement.task == "regression":
        told = f"the error is {inside:.2f} of that of a constant answer, and {mean:.2f} over all rows"
    else:
        told = f"{inside:.1%} are answered wrong, and {mean:.1%} of all rows"
    also = f" So are {len(others)} other parts, such as {others[0]}." if others else ""
    return Finding(
        condition=condition.id,
        severity="warning",
        where=Where(column=part.column),
        evidence=Signal("error in the worst part less the mean error", beyond, THRESHOLD, int(part.inside.sum())),
        text=(
            f"of the {int(part.inside.sum()):,} of {_answers.rows(judgement)} where {part.what} {told}: {beyond:.2f} "
            f"more (threshold {THRESHOLD:g}, q = {chance:.2g}).{also} The score of all rows hides it. Collect more "
            "such rows, check their target, or answer them apart."
        ),
    )


def _judged(inside: Array) -> bool:
    return bool(inside.sum() >= max(FEWEST, SHARE * len(inside)) and (~inside).sum() >= FEWEST)


def _chance(task: str, error: Array, inside: Array) -> float:
    """The probability that errors inside are as much larger by chance."""
    from scipy.stats import hypergeom, mannwhitneyu

    if task == "regression":
        return float(mannwhitneyu(error[inside], error[~inside], alternative="greater").pvalue)
    wrong = int(error.sum())
    return float(hypergeom.sf(int(error[inside].sum()) - 1, len(error), wrong, int(inside.sum())))


def _corrected(chances: Array) -> Array:
    """(tests,) the share of false discoveries when each is taken for one (Benjamini and Hochberg, 1995)."""
    order = np.argsort(chances)
    scaled = chances[order] * len(chances) / (1 + np.arange(len(chances)))
    found = np.empty(len(chances))
    found[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return found


def _surprising(judgement: Judgement, error: Array, part: Slice) -> bool:
    """Whether the model errs there more than it says itself; of values it says nothing."""
    if judgement.task == "regression":
        return True
    admitted = 1.0 - judgement.held_out.outputs[part.inside].max(axis=1)
    return bool(error[part.inside].mean() - admitted.mean() > UNADMITTED)


condition = Condition(
    id="underperforming-group",
    group="generalisation",
    summary="a part of the rows that is answered much worse than the rest",
    examine=examine,
    tasks=_answers.ONE_ANSWER,
    sees="answers",
    # A part that is answered wrong is answered too surely, and makes all probabilities seem so.
    silences=("miscalibration",),
)
