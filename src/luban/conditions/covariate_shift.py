"""Inputs distributed differently from the training rows: the model answers rows of another kind.

Signal, for each input column and for the bundle's answers (which also see texts and pictures; Rabanser et al., 2019):
the distance of Kolmogorov and Smirnov, or the population stability index, of numbers and of the lengths of texts; the
total variation of the shares of categories and of missing values. Threshold: q < 0.01 (Kolmogorov and Smirnov, or
chi-squared; Benjamini and Hochberg over all columns), and a distance above 0.1, an index above 0.2, or a total
variation above 0.1. Severe from three times the threshold on, in a column that the model needs.

Columns of which each lies as before may go together otherwise. Two by two: rank correlations that differ by more than
0.25, q < 0.01 (Fisher's z; Benjamini and Hochberg over all pairs). All together, where the older rows are given: a
classifier tells newer rows from older ones, with an area under the ROC curve above 0.6 on rows that it had not seen,
and p < 0.01. Severe from correlations that differ by 0.75, or an area of 0.8.
Silent about what other shares of the classes explain, which `label-shift` tells; about times, which newer rows have
later; and below 30 newer rows. Repair: weights by which the older rows lie as the newer ones do, which `--weighed`
writes, or a fit on newer rows.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.conditions import _together
from luban.conditions._attribution import Attributed, attributed
from luban.conditions._spreads import FEWEST, Change, again, demand_rows, side
from luban.core.seed import derive
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Comparison, Condition, Sides
from luban.recipe.edit import RecipeEdit
from luban.training import domains
from luban.training.domains import Domains

MOST_CARRIERS = 3
LEAST_FALL = 0.02
"""How far the area falls without a column that is told."""
MOST = 10
"""Columns that are told one by one."""
SEVERE = 3.0


AREA = 0.6
SEVERE_AREA = 0.8
CHANCE = 0.01
WEIGHT = "weight_toward_newer"


def examine(comparison: Comparison) -> list[Finding]:
    demand_rows(comparison)
    if comparison.reference is None and comparison.sides is None:
        raise ValueError(
            "the bundle keeps nothing of the rows that it learned from, for an earlier luban made it: "
            "luban fit DATA --recipe BUNDLE --force"
        )
    found = attributed(comparison)
    changed = found.left if found.shares is not None else found.changed
    told = [_finding(comparison, change, len(changed)) for change in changed[:MOST]]
    together = _together_finding(comparison, found, alone=not changed)
    return sorted([*told, *together], key=lambda finding: finding.severity != "severe")


def _together_finding(comparison: Comparison, found: Attributed, *, alone: bool) -> list[Finding]:
    """The finding about columns that go together otherwise; none where they do not.

    alone: whether no single column changed. Where one did, a classifier sees no more than that.
    """
    pairs, told = list(found.pairs), _told_apart(comparison, found)
    seen = told is not None and told.auc > AREA and told.p < CHANCE and (alone or bool(pairs))
    if not pairs and not seen:
        return []
    text, names = "", _together.carriers(pairs)
    if told is not None and seen:
        names = names or [name for name, fall in told.carriers[:MOST_CARRIERS] if fall > LEAST_FALL]
        text += (
            f"a classifier tells newer rows from older ones: AUC {told.auc:.2f} on rows that it had not seen, 95% "
            f"interval {told.low:.2f} to {told.high:.2f} (threshold {AREA}, p = {told.p:.1g}). "
        )
    if pairs:
        most = pairs[0]
        text += (
            f"columns go together otherwise in the newer rows: the rank correlation of '{most.columns[0]}' and "
            f"'{most.columns[1]}' was {most.before:.2f} and is {most.now:.2f} (q = {most.q:.1g}); so for "
            f"{len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}. "
        )
    if alone:
        text += "No single column shows it. "
    if names:
        text += f"It lies in {', '.join(repr(name) for name in names[:MOST_CARRIERS])}. "
    signal = (
        Signal("held-out area under the ROC curve of newer against older rows", told.auc, AREA, len(comparison))
        if told is not None and seen
        else Signal(_together.CORRELATION, pairs[0].value, _together.APART, pairs[0].n)
    )
    severe = bool(pairs and pairs[0].value > SEVERE * _together.APART) or (seen and told.auc > SEVERE_AREA)  # type: ignore[union-attr]
    return [
        Finding(
            condition=condition.id,
            severity="severe" if severe else "warning",
            where=Where(column=names[0] if names else None),
            evidence=signal,
            text=text + again(comparison),
            edits=_weight(comparison),
        )
    ]


def _told_apart(comparison: Comparison, found: Attributed) -> Domains | None:
    """How well newer rows are told from older ones, these drawn to have the newer shares of the classes."""
    sides = comparison.sides
    if sides is None:
        return None
    if found.shares is not None and sides.target is not None and comparison.classes:
        sides = _with_shares(sides, found.shares.now, comparison.seed)
    few = min(int(sides.newer.sum()), int((~sides.newer).sum()))
    return domains.of_sides(sides, comparison.seed) if few >= FEWEST else None


def _with_shares(sides: Sides, shares: Array, seed: int) -> Sides:
    """Fewer older rows, of which each class has its new share."""
    assert sides.target is not None, "the classes of older rows are known"
    codes = np.where(sides.target >= 0, sides.target, len(shares) - 1)
    before = np.bincount(codes, minlength=len(shares)) / len(codes)
    ratio = np.divide(shares, before, out=np.zeros(len(shares)), where=before > 0)
    kept = np.random.default_rng(derive(seed, "shares of sides")).random(len(codes)) < (ratio / ratio.max())[codes]
    rows = sides.newer.copy()
    rows[~sides.newer] = kept
    return Sides(sides.inputs[rows], sides.newer[rows], sides.sources, sides.target[kept])


def _weight(comparison: Comparison) -> tuple[RecipeEdit, ...]:
    """The edit that weighs older rows toward the newer ones, where these are given."""
    if comparison.sides is None:
        return ()
    return (RecipeEdit("weight", comparison.recipe.weight, WEIGHT, "older rows then lie as the newer ones do"),)


def _finding(comparison: Comparison, change: Change, count: int) -> Finding:
    column = change.spread.name
    is_input = any(spread is change.spread for spread, _ in comparison.columns)
    needed = not is_input or comparison.telling is None or column in comparison.telling
    what = f"column '{column}'" if is_input else f"the bundle's answers ({column})"
    where, old, new = side(change)
    text = (
        f"{what} lies otherwise in the newer rows: {change.measure} {change.value:.2f} (threshold {change.threshold}, "
        f"q = {change.q:.1g}). Of the rows learned from {old:.0%} are {where}, of the newer ones {new:.0%}. "
    )
    if is_input and 0 < old < 1:
        others = (1 - new) / (1 - old)
        text += f"Weigh training rows that are so by {new / old:.2f} and all others by {others:.2f} (--weight). Or: "
    text += again(comparison)
    if not needed:
        text += " The score was not shown to need this column."
    if count > MOST:
        text += f" In all {count} columns changed."
    return Finding(
        condition=condition.id,
        severity="severe" if needed and change.times > SEVERE else "warning",
        where=Where(column=column if is_input else None),
        evidence=Signal(change.measure, change.value, change.threshold, change.n),
        text=text,
        edits=_weight(comparison),
    )


condition = Condition(
    id="covariate-shift",
    group="deployment",
    summary="newer rows whose inputs are distributed differently from the training rows",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
    sees="newer rows",
    silences=("miscalibration",),
)
