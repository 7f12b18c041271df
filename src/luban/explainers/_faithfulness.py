"""Whether a model agrees with an explanation: units put in and taken out in its order, in random ones, and inversely.

The answer is averaged while units are put in, the one that adds most first (insertion), and while they are taken out in
the same order (deletion). Taking out in one order meets the same coalitions as putting in in the inverse one, so the
inverse ranking needs no further calls, and its gap is the same with the other sign.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.evidence.explanation import Faithfulness
from luban.protocols import Values

ORDERS = 20
"""Random orders."""
ENOUGH = 0.95
"""The share of random orders that may be no better: an order by chance has that once in twenty times."""
STEPS = 10
"""Steps in which units are put in, at most."""
_TINY = 1e-9
"""Of the largest gap: what rounding may do."""


def check(values: Values, game: int, attributions: Array, *, seed: int = 0) -> Faithfulness | None:
    """How faithful the attributions (units,) of a game are; None for fewer than two units.

    >>> added = lambda coalitions, games: (coalitions @ np.array([3.0, 1.0, 0.0]))[:, None]
    >>> found = check(added, 0, np.array([3.0, 1.0, 0.0]))
    >>> round(found.insertion, 3), round(found.deletion, 3), found.holds
    (3.0, 1.0, True)
    """
    units = len(attributions)
    if units < 2:
        return None
    random = np.random.default_rng(derive(seed, "faithfulness", units))
    ranked = np.argsort(-attributions, kind="stable")
    orders = [ranked, *(random.permutation(units) for _ in range(ORDERS))]
    orders += [order[::-1] for order in orders]
    steps = np.unique(np.linspace(0, units, min(units, STEPS) + 1).round().astype(int))
    # (orders, steps, units): which units are there after so many of an order were put in.
    ranks = np.argsort(np.array(orders), axis=1)
    there = ranks[:, None, :] < steps[None, 1:-1, None]
    asked, where = np.unique(
        np.concatenate([there.reshape(-1, units), [np.zeros(units, bool), np.ones(units, bool)]]),
        axis=0,
        return_inverse=True,
    )
    told = values(asked, np.array([game]))[:, 0][where.ravel()]
    inner, ends = told[:-2].reshape(len(orders), -1), told[-2:]
    curves = np.hstack([np.full((len(orders), 1), ends[0]), inner, np.full((len(orders), 1), ends[1])])
    # The mean over the share of units that are in, by trapezoids.
    widths = np.diff(steps) / units
    areas = ((curves[:, 1:] + curves[:, :-1]) / 2) @ widths
    half = len(orders) // 2
    gaps = areas[:half] - areas[half:]
    # Of few units a random order may be the same one.
    above = float((gaps[1:] <= gaps[0] + _TINY * np.abs(gaps).max()).mean())
    holds = bool(gaps[0] > 0 and above >= ENOUGH)
    return Faithfulness(
        insertion=float(areas[0]),
        deletion=float(areas[half]),
        random_gap=float(gaps[1:].mean()),
        above_random=above,
        holds=holds,
        text=_told(float(gaps[0]), above, holds) if np.ptp(told) else "none of the parts moves the answer",
        calls=len(asked),
    )


def _told(gap: float, above: float, holds: bool) -> str:
    better = round((1 - above) * ORDERS)
    if holds:
        other = "none" if not better else str(better)
        return (
            f"the model agrees: this order of the parts beats its inverse, and {other} of {ORDERS} random ones beat it"
        )
    if gap <= 0:
        return "the model does not agree: this order of the parts is no better than its inverse"
    return f"the model hardly agrees: {better} of {ORDERS} random orders of the parts move the answer more"
