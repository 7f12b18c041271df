"""Other shares of the classes (or other values of the target) than those that were learned from.

Signal: the total variation between the shares of the classes then and now. Where newer rows say their class it is
counted (chi-squared); else it is estimated from how often each class is answered and how often test rows of each class
got that answer (black box shift estimation; Lipton, Wang and Smola, 2018). For values: the distance of Kolmogorov and
Smirnov. Threshold 0.1, and beyond chance: p < 0.01, or what 99 of 100 draws without a change stay below.
Silent where inputs changed in a way that other shares of the target do not explain (the changed columns are more than
half as far apart, chance set aside, when the older rows are weighed to the new shares), for then answers say nothing
about shares; below 30 newer rows; and where the model tells classes apart too badly. Advice: multiply the probabilities
by the ratio of the shares (Saerens, Latinne and Decaestecker, 2002), which for two classes is another threshold.
"""

from __future__ import annotations

import math

from luban.conditions._attribution import Shares, attributed
from luban.conditions._spreads import again, demand_rows
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Comparison, Condition
from luban.recipe.edit import RecipeEdit

SEVERE = 3.0
MOST = 4
"""Classes that are told."""
ENDS = (0.01, 0.99)
"""A threshold is moved no further."""


def examine(comparison: Comparison) -> list[Finding]:
    demand_rows(comparison)
    found = attributed(comparison)
    if found.reason is not None:
        raise ValueError(found.reason)
    if found.shares is None:
        return []
    shares = found.shares
    text = (
        f"the {'targets' if shares.seen else 'answers'} of the newer rows show other shares: {shares.measure} "
        f"{shares.value:.2f}, 95% interval {shares.low:.2f} to {shares.high:.2f} (threshold {shares.chance:.2f}). "
    )
    edits = _threshold(comparison, shares)
    if comparison.classes:
        text += _classes(comparison, shares)
    else:
        text += again(comparison)
    explained = len(found.changed) - len(found.left)
    if explained:
        text += f" They explain why {explained} {'column lies' if explained == 1 else 'columns lie'} otherwise."
    return [
        Finding(
            condition=condition.id,
            severity="severe" if shares.value > SEVERE * shares.chance else "warning",
            where=Where(column=comparison.recipe.target),
            evidence=Signal(shares.measure, shares.value, shares.chance, shares.n),
            text=text,
            edits=edits,
            explains=("covariate-shift",) if explained and not found.left else (),
        )
    ]


def _classes(comparison: Comparison, shares: Shares) -> str:
    """The shares of the classes that changed most, and the factors of their probabilities."""
    known = range(len(comparison.classes))
    most = sorted(known, key=lambda code: -abs(shares.now[code] - shares.before[code]))[:MOST]
    told = ", ".join(
        f"'{comparison.classes[code]}' {shares.before[code]:.0%} to {shares.now[code]:.0%}" for code in most
    )
    if shares.now[-1] > 0:
        told += f", classes that the bundle does not know {shares.now[-1]:.0%}"
    factors = [
        f"'{comparison.classes[c]}' by {shares.now[c] / shares.before[c]:.2f}" for c in most if shares.before[c] > 0
    ]
    return f"{told}. Multiply the probabilities of {', '.join(factors)}, and divide by their sum."


def _threshold(comparison: Comparison, shares: Shares) -> tuple[RecipeEdit, ...]:
    """For two classes: the threshold at which corrected probabilities reach the one that was used."""
    if len(comparison.classes) != 2 or not (shares.before[:2] > 0).all() or not (shares.now[:2] > 0).all():
        return ()
    used = comparison.recipe.train.threshold
    before = used if isinstance(used, float) and 0 < used < 1 else 0.5
    odds = math.log(before / (1 - before)) - math.log(
        (shares.now[1] / shares.now[0]) / (shares.before[1] / shares.before[0])
    )
    after = round(min(max(1 / (1 + math.exp(-odds)), ENDS[0]), ENDS[1]), 3)
    name = comparison.classes[1]
    return (RecipeEdit("train.threshold", used, after, f"'{name}' has {shares.now[1]:.0%} of the newer rows"),)


condition = Condition(
    id="label-shift",
    group="deployment",
    summary="newer rows whose classes have other shares than those that were learned from",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
    sees="newer rows",
    silences=("miscalibration",),
)
