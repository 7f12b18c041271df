"""The same inputs mean something else now: the model errs more on newer rows, and not because these are other rows.

It needs newer rows that say their target. Signal: how much the share of wrong answers, or the mean absolute error, is
above that of the test rows. Where inputs or shares of classes changed, the newer rows are first weighed to lie as the
older ones did in the five columns that changed most (raking; Deming and Stephan, 1940), so that what is left is not
their doing. Threshold: 0.05 for wrong answers, a fifth of the error on test rows for values; and the 95% interval of
the difference (from those of both sides; Zou and Donner, 2008) lies above 0. Severe from twice the threshold on. Silent
without a target, below 30 newer rows that have one, and where too few newer rows are like the older ones. Advice: fit
on newer rows.
"""

from __future__ import annotations

import math

import numpy as np

from luban.batch import Array
from luban.conditions._attribution import attributed
from luban.conditions._spreads import FEWEST, again, demand_rows, raked
from luban.core.seed import derive
from luban.data import values
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.intervals import of_mean, wilson
from luban.protocols import Comparison, Condition

WRONG = 0.05
RELATIVE = 0.2
SEVERE = 2.0
MOST = 5
"""Columns that newer rows are weighed by."""
LOST = 0.2
"""The share of the older rows that no newer row is like, above which nothing is said."""


def examine(comparison: Comparison) -> list[Finding]:
    demand_rows(comparison)
    if comparison.target is None:
        raise ValueError(f"the newer rows have no column '{comparison.recipe.target}', so errors are not known.")
    if comparison.tested is None:
        raise ValueError("the bundle holds no error on test rows.")
    known = values.known(comparison.target)
    if known.sum() < FEWEST:
        raise ValueError(f"{known.sum()} newer rows say their target; {FEWEST} are needed.")
    tested = comparison.tested
    of_classes = bool(comparison.classes)
    before = (
        (1 - tested.value, 1 - tested.low, 1 - tested.high) if of_classes else (tested.value, tested.low, tested.high)
    )
    weight, columns, worth = _weights(comparison, known)
    error = _errors(comparison)[known]
    now, low, high = _mean(error, weight, worth, of_classes, comparison.seed)
    # The interval of a difference, from those of both sides.
    value = now - before[0]
    below = value - math.hypot(now - low, max(before[1:]) - before[0])
    above = value + math.hypot(high - now, before[0] - min(before[1:]))
    threshold = WRONG if of_classes else RELATIVE * before[0]
    if value <= threshold or below <= 0:
        return []
    found = attributed(comparison)
    alone = found.shares is not None and len(found.left) == len(found.changed)
    what = "share of wrong answers" if of_classes else "mean absolute error"
    likened = f" among newer rows weighed to be like the older ones in {_listed(columns)}" if columns else ""
    return [
        Finding(
            condition=condition.id,
            severity="severe" if value > SEVERE * threshold else "warning",
            where=Where(column=comparison.recipe.target),
            evidence=Signal(f"{what}, above that of the test rows", value, threshold, int(known.sum())),
            text=(
                f"the {what} is {now:.3g}{likened}, and was {before[0]:.3g} on the test rows: {value:.3g} more, 95% "
                f"interval {below:.3g} to {above:.3g} (threshold {threshold:.3g}). The same inputs mean something else "
                f"than before. {again(comparison)}"
            ),
            # Where no input changed with the shares of the target, another meaning is what changed them.
            explains=("label-shift",) if alone else (),
        )
    ]


def _weights(comparison: Comparison, known: Array) -> tuple[Array, list[str], float]:
    """(known rows,) weights with which newer rows lie as older ones did; by which columns; how many rows that is worth.

    Raises ValueError where they cannot.
    """
    found = attributed(comparison)
    bins = {spread.name: each for spread, each in (*comparison.columns, *comparison.said)}
    margins = [(change.old, bins[change.spread.name][known]) for change in found.changed[:MOST]]
    columns = [change.spread.name for change in found.changed[:MOST]]
    # Values that changed while no input did are what a new meaning looks like, and nothing to correct for.
    explaining = found.shares is not None and (comparison.classes or len(found.left) < len(found.changed))
    if found.shares is not None and explaining and comparison.known is not None:
        spread, of_target = comparison.known
        margins = [(np.append(found.shares.before, 0.0), of_target[known])]
        columns = [spread.name]
    rows = int(known.sum())
    weight, lost = raked(margins, rows)
    square = float((weight**2).sum())
    worth = float(weight.sum()) ** 2 / square if square > 0 else 0.0
    if lost > LOST or worth < FEWEST:
        error = float(_errors(comparison)[known].mean())
        raise ValueError(
            f"the newer rows, whose error is {error:.3g}, are too unlike the older ones to tell whether the same "
            "inputs mean something else."
        )
    return weight, columns, worth


def _errors(comparison: Comparison) -> Array:
    """(rows,) 1 for a wrong answer; the absolute error of values."""
    said, target = np.asarray(comparison.answers.prediction), comparison.target
    return np.asarray((said != target).astype(np.float64) if comparison.classes else np.abs(said - target))


def _mean(error: Array, weight: Array, worth: float, of_classes: bool, seed: int) -> tuple[float, float, float]:
    """The weighted mean and its 95% interval."""
    mean = float(np.average(error, weights=weight))
    if of_classes:
        return mean, *wilson(min(mean, 1.0) * worth, worth)
    interval = of_mean(error, weight, seed=derive(seed, "error"))
    return mean, interval.low, interval.high


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


condition = Condition(
    id="concept-shift",
    group="deployment",
    summary="more errors on newer rows than other inputs or classes explain",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
    sees="newer rows",
    silences=("miscalibration",),
)
