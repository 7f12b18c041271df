"""Class shares (or values of the target) that differ from those in the training rows.

Signal: the total variation between the shares of the classes then and now. Where newer rows say their class it is
counted (chi-squared); else it is estimated from how often each class is answered and how often held-out rows of each
class got that answer (black box shift estimation; Lipton, Wang and Smola, 2018). For values: the distance of Kolmogorov
and Smirnov. Threshold 0.1, and beyond chance: p < 0.01, or what 99 of 100 draws without a change stay below.
Silent where inputs changed in a way that other shares of the target do not explain (the changed columns are more than
half as far apart, chance set aside, when the older rows are weighed to the new shares), for then answers say nothing
about shares; where columns go together otherwise; below 30 newer rows; and where the model tells classes apart too
badly. Repair: multiply the probabilities by the ratio of the shares (Saerens, Latinne and Decaestecker, 2002), which
`--corrected` does, or fit again with rows that are weighed to them, by `train.prior`.
"""

from __future__ import annotations

import numpy as np

from luban.conditions._attribution import Shares, attributed
from luban.conditions._spreads import again, demand_rows
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Comparison, Condition
from luban.recipe.edit import RecipeEdit

SEVERE = 3.0
MOST = 4
"""Classes that are told."""
LEAST = 0.001
"""The smallest share that a class is corrected to."""


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
    edits = _prior(comparison, shares)
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


def _prior(comparison: Comparison, shares: Shares) -> tuple[RecipeEdit, ...]:
    """The edit by which rows are weighed to the new shares; none where a class that is known has no row now."""
    known = shares.now[: len(comparison.classes)]
    if not comparison.classes or not (known >= LEAST).all():
        return ()
    after = {name: round(float(share / known.sum()), 4) for name, share in zip(comparison.classes, known, strict=True)}
    most = int(np.argmax(known - shares.before[: len(known)]))
    reason = f"'{comparison.classes[most]}' has {known[most]:.0%} of the newer rows"
    return (RecipeEdit("train.prior", dict(comparison.recipe.train.prior), after, reason),)


condition = Condition(
    id="label-shift",
    group="deployment",
    summary="newer rows whose class shares differ from those in the training rows",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
    sees="newer rows",
    silences=("miscalibration",),
)
