"""Which columns of newer rows go together otherwise than before, each alone as it was: rank correlations two by two.

Spearman's correlation of every two columns of numbers, at the bins that were kept, then and now, by Fisher's z with the
variance 1.06 / (rows - 3) (Fieller, Hartley and Pearson, 1957). All pairs are tested together (Benjamini and Hochberg,
1995). A change counts when it is beyond chance and large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from luban.batch import Array
from luban.conditions._spreads import CHANCE, benjamini_hochberg
from luban.data.spreads import scores
from luban.evidence.reference import Pairs, Spread
from luban.protocols import Comparison

APART = 0.25
"""How far two correlations must lie apart to count."""
CORRELATION = "difference of rank correlations"
_FIELLER = 1.06
_NEAREST = 0.999


@dataclass(frozen=True)
class Pair:
    """Two columns that go together otherwise. before, now: their rank correlation. q: corrected for all pairs."""

    columns: tuple[str, str]
    before: float
    now: float
    q: float
    n: int

    @property
    def value(self) -> float:
        return abs(self.now - self.before)


def unlike(comparison: Comparison, moved: frozenset[str], shares: Array | None = None) -> list[Pair]:
    """The pairs that changed, the most changed first.

    moved: columns that lie otherwise by themselves, which their pairs then do too. shares: (strata,) the shares that
    the strata of the target have now; the older rows are weighed to have them too.
    """
    reference = comparison.reference
    if reference is None or reference.pairs is None:
        return []
    kept = reference.pairs
    known = {spread.name: (spread, bins) for spread, bins in comparison.columns}
    spreads = [known[name][0] for name in kept.columns]
    before, rows = _before(kept, spreads, shares)
    now = _correlations(np.stack([scores(spread)[known[spread.name][1]] for spread in spreads], axis=1))
    count = len(comparison)
    apart = np.arctanh(np.clip(now, -_NEAREST, _NEAREST)) - np.arctanh(np.clip(before, -_NEAREST, _NEAREST))
    error = math.sqrt(_FIELLER / max(rows - 3, 1) + _FIELLER / max(count - 3, 1))
    asked = [
        (place, pair)
        for place, pair in enumerate(combinations(kept.columns, 2))
        if not moved & set(pair) and np.isfinite(apart[place])
    ]
    q = benjamini_hochberg([math.erfc(abs(apart[place]) / error / math.sqrt(2)) for place, _ in asked]) if asked else []
    found = [
        Pair(pair, float(before[place]), float(now[place]), each, count)
        for (place, pair), each in zip(asked, q, strict=True)
        if each < CHANCE
    ]
    return sorted((pair for pair in found if pair.value > APART), key=lambda pair: -pair.value)


def carriers(pairs: list[Pair]) -> list[str]:
    """The columns that carry the change: those in which it ends when they are taken away, one after the other.

    >>> carriers([Pair(("a", "b"), 0.9, 0.1, 0.0, 50), Pair(("a", "c"), 0.8, 0.0, 0.0, 50)])
    ['a']
    """
    left, found = list(pairs), []
    while left:
        weight: dict[str, float] = {}
        for pair in left:
            for name in pair.columns:
                weight[name] = weight.get(name, 0.0) + pair.value
        most = max(weight, key=lambda name: weight[name])
        found.append(most)
        left = [pair for pair in left if most not in pair.columns]
    return found


def _before(kept: Pairs, spreads: list[Spread], shares: Array | None) -> tuple[Array, float]:
    """(pairs,) the correlations of the older rows when the strata have these shares; how many rows they are worth."""
    strata = len(kept.products)
    counts = [_in_strata(spread, strata) for spread in spreads]
    rows = counts[0].sum(axis=0)
    weight = np.ones(strata)
    if shares is not None and len(shares) == strata:
        weight = np.divide(shares * rows.sum(), rows, out=np.zeros(strata), where=rows > 0)
    total = float(weight @ rows)
    moments = [(scores(spread), each @ weight / total) for spread, each in zip(spreads, counts, strict=True)]
    mean = np.array([scored @ share for scored, share in moments])
    square = np.array([scored**2 @ share for scored, share in moments])
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    first, second = np.triu_indices(len(spreads), 1)
    products = weight @ kept.products / total - mean[first] * mean[second]
    return _over(products, deviation[first] * deviation[second]), total**2 / float(weight**2 @ rows)


def _in_strata(spread: Spread, strata: int) -> Array:
    counts = spread.counts.astype(np.float64)
    return counts if counts.shape[1] == strata else counts.sum(axis=1, keepdims=True)


def _correlations(scored: Array) -> Array:
    """(pairs,) of every two columns; NaN where one is constant."""
    centred = scored - scored.mean(axis=0)
    deviation = centred.std(axis=0)
    first, second = np.triu_indices(scored.shape[1], 1)
    return _over((centred.T @ centred / len(scored))[first, second], deviation[first] * deviation[second])


def _over(products: Array, deviations: Array) -> Array:
    found = np.full(len(products), np.nan)
    return np.asarray(np.divide(products, deviations, out=found, where=deviations > 1e-9))
