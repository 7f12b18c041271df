"""LIME: a linear model of the answers to rows with some units left out, weighted by how near they are to the row.

After Ribeiro et al. (2016, arXiv 1602.04938). A row with some units left out weighs exp(-d^2 / w^2)^(1/2), where d is
the cosine distance of who stays from all. Rows are drawn as for texts there, equally many of each number of units, here
in pairs and none twice, and a ridge is fitted to them. How alike the orders of units would be by other seeds is told as
Kendall's tau of ten drawings with replacement from the rows that were drawn (Efron, 1979), which need no further calls:
where it is below 0.8, another seed would tell another order. Where all rows that there are can be asked about, nothing
is left to chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError
from luban.core.seed import derive
from luban.explainers import _coalition
from luban.protocols import Attributed, Effort, Subject

WIDTH = 0.25
"""w, as for texts in the paper's own package."""
PENALTY, AS_OF = 1.0, 1_000
"""Of the ridge, for rows that weigh as so many do: that package draws so many, so fewer rows are shrunk no more."""
DRAWINGS = 10
STABLE = 0.8
"""Kendall's tau from which orders count as alike."""
EXACT = 10
"""Units up to which all rows that there are, are asked about."""
EACH, MOST = 100, 5_000
"""Calls for each unit, where there are more, and in all: that package makes as many of a table."""

_ALIKE = 1e-12


@dataclass(frozen=True, eq=False)
class _Line:
    """values, errors: (units,) float64. agrees: the share of the variance that it tells, weighted as it is fitted."""

    values: Array
    errors: Array
    agrees: float


@final
class Lime:
    """A local linear model of who stays."""

    name: ClassVar[str] = "lime"

    def declines(self, subject: Subject) -> str | None:
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        units, games = subject.count, np.arange(len(subject.units))
        calls = effort.calls or (2**units if units <= EXACT else max(min(EACH * units, MOST), 2 * units))
        least = min(units + 2, 2 ** min(units, 62))
        if calls < least:
            message = f"{calls:,} calls of the model are too few for a line through {units:,} units."
            raise UsageError(message, fix=f"allow {least:,} calls or more")
        seed = derive(effort.seed, "lime", units)
        drawn = _drawn(units, calls, seed)
        told = subject.values(drawn, games)
        exact = len(drawn) == 2 ** min(units, 62)
        return [_explained(subject, drawn, told[:, game], seed, exact=exact) for game in games.tolist()]


def _drawn(units: int, calls: int, seed: int) -> Array:
    """(coalitions, units) boolean: both ends, and pairs of one and what it leaves out."""
    ends = np.stack([np.zeros(units, bool), np.ones(units, bool)])[: 2 if units else 1]
    pairs = _coalition.drawn(units, max(calls - 2, 0) // 2, seed) if units > 1 else np.zeros((0, units), bool)
    return np.concatenate([ends, pairs, ~pairs])


def _explained(subject: Subject, drawn: Array, told: Array, seed: int, *, exact: bool) -> Attributed:
    weights = _weights(drawn)
    line = _line(drawn, told, weights)
    tau = 1.0 if exact else _alike(drawn, told, weights, seed)
    more: dict[str, Any] = {"r2": line.agrees, "kendall": tau}
    if tau < STABLE:
        more["text"] = (
            f"another seed would tell the parts in another order: Kendall's tau of {DRAWINGS} drawings is {tau:.2f}; "
            "more --calls make it steadier"
        )
    return Attributed(
        values=line.values,
        errors=np.zeros_like(line.errors) if exact else line.errors,
        base=float(told[0]),
        whole=float(told[min(1, len(told) - 1)]),
        calls=len(drawn),
        scale=subject.scale,
        complete=False,
        more=more,
    )


def _line(coalitions: Array, answers: Array, weights: Array) -> _Line:
    """The weighted ridge, with standard errors that hold where the spread differs from row to row (White, 1980)."""
    units = coalitions.shape[1]
    # Of answers that are all alike, what is left is rounding, in which there is no order.
    if np.ptp(answers) <= _ALIKE * np.abs(answers).max():
        return _Line(np.zeros(units), np.zeros(units), 1.0)
    weights = weights * (AS_OF / weights.sum())
    rows = np.hstack([np.ones((len(coalitions), 1)), coalitions])
    penalty = np.diag([0.0, *[PENALTY] * units])
    inverse = np.linalg.inv(rows.T @ (weights[:, None] * rows) + penalty)
    found = inverse @ (rows.T @ (weights * answers))
    missed = answers - rows @ found
    # Of as many rows as numbers there would be no error; it grows by what the line itself takes up.
    free = max(len(rows) - units - 1, 1)
    within = rows.T @ ((weights * missed)[:, None] ** 2 * rows) * (len(rows) / free)
    spread = np.average((answers - np.average(answers, weights=weights)) ** 2, weights=weights)
    left = np.average(missed**2, weights=weights)
    agrees = float(1 - left / spread)
    return _Line(found[1:], np.sqrt(np.maximum(np.diag(inverse @ within @ inverse)[1:], 0.0)), agrees)


def _weights(coalitions: Array) -> Array:
    """(coalitions,): the kernel, as it would be if each number of units that stay were drawn equally often.

    >>> _weights(np.array([[True, True], [True, False]])).round(3).tolist()
    [1.0, 0.503]
    """
    sizes, units = coalitions.sum(axis=1), coalitions.shape[1]
    distance = 1 - np.sqrt(sizes / max(units, 1))
    often = np.bincount(sizes, minlength=units + 1)[sizes]
    return np.asarray(np.sqrt(np.exp(-(distance**2) / WIDTH**2)) / often)


def _alike(coalitions: Array, answers: Array, weights: Array, seed: int) -> float:
    """The mean of Kendall's tau-b over all pairs of lines, each through as many rows, drawn again from those there are;
    1 where no unit moves anything.
    """
    from scipy.stats import kendalltau

    random = np.random.default_rng(derive(seed, "drawings"))
    lines: list[Array] = []
    for _ in range(DRAWINGS):
        times = np.bincount(random.integers(0, len(answers), len(answers)), minlength=len(answers))
        # Both ends are in every sample.
        times[:2] = 1
        some = np.flatnonzero(times)
        lines.append(_line(coalitions[some], answers[some], weights[some] * times[some]).values)
    taus = [kendalltau(one, other).statistic for number, one in enumerate(lines) for other in lines[:number]]
    return float(np.mean([1.0 if np.isnan(tau) else tau for tau in taus]))


explainer = Lime()
