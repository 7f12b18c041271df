"""Inputs that lie otherwise than those that were learned from: the model answers rows of another kind.

Signal, for each input column and for the bundle's answers (which also see columns that move together, texts and
pictures; Rabanser et al., 2019): the distance of Kolmogorov and Smirnov, or the population stability index, of numbers
and of the lengths of texts; the total variation of the shares of categories and of missing values. Threshold: q < 0.01
(Kolmogorov and Smirnov, or chi-squared; Benjamini and Hochberg over all columns), and a distance above 0.1, an index
above 0.2, or a total variation above 0.1. Severe from three times the threshold on, in a column that the model needs.
Silent about what other shares of the classes explain, which `label-shift` tells; about times, which newer rows have
later; and below 30 newer rows. Advice: weights by which the training rows get the new shares, or a fit on newer rows.
"""

from __future__ import annotations

from luban.conditions._attribution import attributed
from luban.conditions._spreads import Change, again, demand_rows, side
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Comparison, Condition

MOST = 10
"""Columns that are told one by one."""
SEVERE = 3.0


def examine(comparison: Comparison) -> list[Finding]:
    demand_rows(comparison)
    if comparison.reference is None:
        raise ValueError(
            "the bundle keeps nothing of the rows that it learned from, for an earlier luban made it: "
            "luban fit DATA --recipe BUNDLE --force"
        )
    found = attributed(comparison)
    changed = found.left if found.shares is not None else found.changed
    told = [_finding(comparison, change, len(changed)) for change in changed[:MOST]]
    return sorted(told, key=lambda finding: finding.severity != "severe")


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
    )


condition = Condition(
    id="covariate-shift",
    group="deployment",
    summary="newer rows whose inputs lie otherwise than those that were learned from",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
    sees="newer rows",
    silences=("miscalibration",),
)
