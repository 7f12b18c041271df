"""Which columns of newer rows lie otherwise than in the rows that were learned from: distances, and tests of them.

Numbers by the distance of Kolmogorov and Smirnov at the bounds of the bins that were kept, categories by chi-squared.
All columns are tested together (Benjamini and Hochberg, 1995). A change counts when it is beyond chance and large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote

import numpy as np

from luban.batch import Array
from luban.evidence.reference import Spread
from luban.protocols import Comparison

FEWEST = 30
"""Newer rows of which something can be said."""
CHANCE = 0.01
"""The share of false alarms among alarms that is allowed: q."""
DISTANCE = "distance of Kolmogorov and Smirnov"
STABILITY = "population stability index"
VARIATION = "total variation of the shares"
THRESHOLDS = {DISTANCE: 0.1, STABILITY: 0.2, VARIATION: 0.1}
ROUNDS = 30
"""How often every margin is met, one after the other."""
EXPECTED = 5.0
"""Rows that a cell of a table is expected to hold at least, so that chi-squared is right; smaller ones are joined."""


@dataclass(frozen=True, eq=False)
class Change:
    """How one column lies otherwise. q: its p-value, corrected where it was tested with others.

    n, rows: how many newer rows there are, and how many the older ones are worth.
    old, new: (bins,) shares of the rows. split: the bins of the side of the column that gained or lost most.
    """

    spread: Spread
    measure: str
    value: float
    q: float
    n: int
    rows: float
    old: Array
    new: Array
    split: Array

    @property
    def threshold(self) -> float:
        return THRESHOLDS[self.measure]

    @property
    def large(self) -> bool:
        return self.value > self.threshold

    @property
    def counts(self) -> bool:
        """Whether it is beyond chance, and large."""
        return self.q < CHANCE and self.large

    @property
    def times(self) -> float:
        """How far it is beyond its threshold."""
        return self.value / self.threshold

    @property
    def apart(self) -> float:
        """The square of how far it is beyond its threshold, less what chance is expected to add to it."""
        chance = 1 / max(self.rows, 1.0) + 1 / max(self.n, 1)
        if self.measure == STABILITY:
            return max(self.value - (self.spread.bins - 1) * chance, 0.0) / self.threshold
        # The mean square of Kolmogorov's distribution; of shares at most a quarter for each cell but one.
        expected = math.pi**2 / 12 if self.measure == DISTANCE else (self.spread.bins - 1) / 4
        return max(self.value**2 - expected * chance, 0.0) / self.threshold**2


def demand_rows(comparison: Comparison) -> None:
    """Raises ValueError where there are too few newer rows."""
    if len(comparison) < FEWEST:
        raise ValueError(f"{len(comparison)} newer rows are too few to compare; {FEWEST} are needed.")


def measured(comparison: Comparison, shares: Array | None = None) -> list[Change]:
    """How every column that is kept, and then the answers, lie beside the older rows.

    shares: (strata,) the shares that the strata of the target have now; the older rows are weighed to have them too.
    """
    found = [change(spread, bins, shares) for spread, bins in (*comparison.columns, *comparison.said)]
    corrected = benjamini_hochberg([each.q for each in found])
    return [replace(each, q=q) for each, q in zip(found, corrected, strict=True)]


def change(spread: Spread, bins: Array, shares: Array | None = None) -> Change:
    """How the newer rows, by their bins, lie beside a spread."""
    old, rows = _weighed(spread.counts, shares)
    new = np.bincount(bins, minlength=spread.bins).astype(np.float64)
    if spread.kind == "category":
        value, p, split = variation(old, rows, new)
        return Change(spread, VARIATION, value, p, len(bins), rows, _shares(old), _shares(new), split)
    missing = np.arange(spread.bins) == spread.bins - 1
    there = _joined(old, missing), _joined(new, missing)
    gone, p_gone, _ = variation(there[0], rows, there[1])
    distance, p, split = _distance(old[:-1], rows * (1 - _shares(old)[-1]), new[:-1])
    if there[0][0] + there[1][0] > 0:
        # Two tests of one column: each counts half.
        p, p_gone = min(2 * p, 1.0), min(2 * p_gone, 1.0)
        if gone > THRESHOLDS[VARIATION] and p_gone < p:
            return Change(spread, VARIATION, gone, p_gone, len(bins), rows, _shares(old), _shares(new), missing)
    stability = _stability(old, new)
    told = (STABILITY, stability) if distance <= THRESHOLDS[DISTANCE] < stability else (DISTANCE, distance)
    return Change(spread, *told, p, len(bins), rows, _shares(old), _shares(new), np.append(split, False))


def variation(old: Array, rows: float, new: Array) -> tuple[float, float, Array]:
    """Half the sum of the differences of shares; its p-value by chi-squared; the one cell that changed most.

    old, new: (cells,) counts; rows: how many rows the old ones are worth.

    >>> value, p, _ = variation(np.array([50, 50]), 100, np.array([30, 70]))
    >>> round(value, 3), round(p, 4)
    (0.2, 0.0039)
    """
    from scipy.special import chdtrc

    first, second = _shares(old), _shares(new)
    both = np.stack([first * rows, new])
    total = both.sum()
    expected = both.sum(axis=0) * (both.sum(axis=1) / max(total, 1.0)).min()
    small = expected < EXPECTED
    cells = np.concatenate([both[:, ~small], both[:, small].sum(axis=1, keepdims=True)], axis=1)
    cells = cells[:, cells.sum(axis=0) > 0]
    value = float(np.abs(first - second).sum() / 2)
    largest = np.arange(len(old)) == np.abs(first - second).argmax()
    if cells.shape[1] < 2 or not rows > 0 or not new.sum() > 0:
        return value, 1.0, largest
    wanted = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / total
    statistic = float(((cells - wanted) ** 2 / wanted).sum())
    return value, float(chdtrc(cells.shape[1] - 1, statistic)), largest


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """(tests,) q: the share of false alarms among all tests with at most this q.

    >>> [round(q, 3) for q in benjamini_hochberg([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.053, 0.053, 0.5]
    """
    values = np.array(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    found = np.empty(len(values))
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return [float(q) for q in found]


def raked(margins: Sequence[tuple[Array, Array]], rows: int) -> tuple[Array, float]:
    """(rows,) weights with which rows have given shares in every margin; and the share that no row can stand for.

    margins: each the (bins,) shares that are wanted and the (rows,) bins of the rows. The margins are met one after the
    other, in `ROUNDS` (Deming and Stephan, 1940); weights have the mean 1.

    >>> weight, lost = raked([(np.array([0.5, 0.5]), np.array([0, 1, 1, 1]))], 4)
    >>> weight.round(3).tolist(), lost
    ([2.0, 0.667, 0.667, 0.667], 0.0)
    """
    weight, lost = np.ones(rows), 0.0
    for _ in range(ROUNDS):
        for wanted, bins in margins:
            now = np.bincount(bins, weight, minlength=len(wanted)) / rows
            lost = max(lost, float(wanted[now == 0].sum()))
            weight = weight * np.divide(wanted, now, out=np.zeros(len(wanted)), where=now > 0)[bins]
            total = weight.sum()
            if not total > 0:
                return np.zeros(rows), 1.0
            weight = weight * rows / total
    return weight, lost


def _weighed(counts: Array, shares: Array | None) -> tuple[Array, float]:
    """(bins,) the rows in each bin when the strata have these shares; and how many rows they are worth."""
    if shares is None or counts.shape[1] != len(shares):
        return counts.sum(axis=1).astype(np.float64), float(counts.sum())
    before = counts.sum(axis=0)
    weight = np.divide(shares * before.sum(), before, out=np.zeros(len(shares)), where=before > 0)
    found = counts @ weight
    square = float((before * weight**2).sum())
    return found, float((before * weight).sum()) ** 2 / square if square > 0 else 0.0


def _distance(old: Array, rows: float, new: Array) -> tuple[float, float, Array]:
    """The largest distance of the cumulated shares, its p-value (Stephens, 1970), and the bins below it."""
    from scipy.special import kolmogorov

    apart = np.abs(np.cumsum(_shares(old)) - np.cumsum(_shares(new)))
    below = np.arange(len(old)) <= apart.argmax()
    if not rows > 0 or not new.sum() > 0:
        return 0.0, 1.0, below
    size = np.sqrt(rows * new.sum() / (rows + new.sum()))
    return float(apart.max()), float(kolmogorov((size + 0.12 + 0.11 / size) * apart.max())), below


def _stability(old: Array, new: Array) -> float:
    """The sum of (new - old) ln(new / old) over the shares of bins; half a row is added to each, so that none is 0."""
    first, second = _shares(old + 0.5), _shares(new + 0.5)
    return float(((second - first) * np.log(second / first)).sum())


def _shares(counts: Array) -> Array:
    return np.asarray(counts / max(counts.sum(), 1e-300))


def _joined(counts: Array, cell: Array) -> Array:
    return np.array([counts[cell].sum(), counts[~cell].sum()])


def side(change: Change) -> tuple[str, float, float]:
    """Which rows there are more or fewer of, in words that follow `are`, and their shares before and now."""
    spread, old, new = change.spread, float(change.old[change.split].sum()), float(change.new[change.split].sum())
    place = int(change.split.nonzero()[0][-1])
    if place == spread.bins - 1:
        where = "without a value"
    elif spread.kind == "category":
        where = f"'{spread.bounds[place]}'" if place < len(spread.bounds) else "of other values"
    elif place == len(spread.bounds):
        where = "above"
    else:
        unit = " characters" if spread.kind == "length" else ""
        where = f"at most {spread.bounds[place]:g}{unit}"
    return where, old, new


def again(comparison: Comparison) -> str:
    """What to do with newer rows, as a sentence."""
    first = "Learn" if comparison.target is not None else "Find out the target of some of them, and learn"
    return f"{first} from newer rows: luban fit {quote(comparison.data)} --recipe {quote(comparison.bundle)}."
