"""Intervals: how far a figure of some rows may lie from the figure of all rows that could have come. All are 95%.

Wilson for proportions, BCa bootstrap for everything else. A *unit* is what was drawn independently: a row, or a group
of rows that belong together. How often these intervals hold the truth is measured by `benchmarks/coverage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luban.batch import Array

Statistic = Callable[["Array"], "Array"]
"""`statistic(counts)`: (draws,) figures for (draws, units) counts: how often each unit was drawn. NaN: undefined."""

NORMAL = 1.959963984540054
"""The 97.5% quantile of the normal distribution."""
DRAWS = 2_000
"""Bootstrap samples: the ends of an interval then vary by about 4% of its width from seed to seed."""
MOST_UNITS = 2_000
"""Above this many units the bootstrap draws blocks of them, which costs less and is as exact."""
BLOCKS = 200
_CELLS = 1 << 20


@dataclass(frozen=True)
class Interval:
    """low and high, and the method in words."""

    low: float
    high: float
    method: str


def wilson(successes: float, n: float, *, quantile: float = NORMAL) -> tuple[float, float]:
    """The interval of a proportion (Wilson, 1927): never of zero width, within 0 and 1.

    successes, n: may be fractions, such as an effective number of rows. quantile: 1.96 for 95%.
    Raises ValueError unless 0 <= successes <= n and n > 0.

    >>> [round(end, 3) for end in wilson(10, 10)]
    [0.722, 1.0]
    """
    if not (0 <= successes <= n and n > 0):
        raise ValueError(f"{successes} of {n} is no proportion.")
    share, square = successes / n, quantile**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    # Rounding must not leave the share itself outside.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def proportion_difference(gained: float, lost: float, n: float) -> tuple[float, float]:
    """The interval of the difference of two proportions of the same rows (Bonett and Price, 2012).

    gained, lost: how many rows only the first, or only the second, has right; may be fractions.

    >>> [round(end, 3) for end in proportion_difference(0, 0, 98)]
    [-0.028, 0.028]
    """
    first, second = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = NORMAL * math.sqrt((first + second - (first - second) ** 2) / (n + 2))
    value = (gained - lost) / n
    return max(-1.0, min(value, first - second - half)), min(1.0, max(value, first - second + half))


def unseen(n: float) -> float:
    """The share of rows of which none need be among n: the upper Wilson bound of 0 of n, about 3.8 / n.

    >>> round(unseen(100), 3)
    0.037
    """
    return NORMAL**2 / (n + NORMAL**2)


def student(freedom: float) -> float:
    """The 97.5% quantile of Student's t distribution.

    >>> round(student(10), 3)
    2.228
    """
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), 0.975))


def bca(
    statistic: Statistic,
    units: int,
    *,
    seed: int,
    heavy_tails: bool = False,
    most_units: int = MOST_UNITS,
    blocks: int = BLOCKS,
    of: str = "rows",
) -> Interval:
    """The bias-corrected and accelerated bootstrap interval of a figure (Efron, 1987).

    units: at least 2. of: what a unit is, in words.
    heavy_tails: whether single units can weigh without bound, as squared errors do. A few units tell their variance
        badly, so the interval is widened by Student's t with as many degrees of freedom as the fourth moment of the
        units' influences allows (Satterthwaite, 1946).
    most_units, blocks: above how many units how many blocks of them are drawn instead.

    It may have zero width: where no unit makes a difference.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    if units > most_units:
        influences = _block_influences(statistic, units, blocks, random)
        whole = float(statistic(np.ones((1, units)))[0])

        def mean(counts: Array) -> Array:
            return np.asarray(whole + np.einsum("db,b->d", counts, influences) / len(influences))

        drawn, left_out = _draws(mean, blocks, random), mean((blocks - np.eye(blocks) * blocks) / (blocks - 1))
        method = f"BCa bootstrap, {DRAWS:,} draws of {blocks} random blocks of {of}"
        return _interval(whole, drawn, left_out, student(blocks - 1), method)
    whole = float(statistic(np.ones((1, units)))[0])
    left_out = _in_pieces(statistic, units, units, lambda start, stop: 1.0 - np.eye(stop - start, units, start))
    left_out = np.where(np.isfinite(left_out), left_out, whole)
    freedom = _freedom(left_out) if heavy_tails else units - 1.0
    quantile = student(freedom) * math.sqrt(units / (units - 1))
    method = f"BCa bootstrap, {DRAWS:,} draws of {units:,} {of}"
    return _interval(whole, _draws(statistic, units, random), left_out, quantile, method)


def of_mean(terms: Array, weight: Array | None = None, *, seed: int = 0) -> Interval:
    """The interval of the (weighted) mean of independent terms; of at least 2."""
    import numpy as np

    given = np.ones(len(terms)) if weight is None else weight

    def mean(counts: Array) -> Array:
        weights = counts * given
        total = weights.sum(axis=1)
        above = np.einsum("dr,r->d", weights, terms)
        return np.asarray(np.divide(above, total, out=np.full(len(total), np.nan), where=total > 0))

    return bca(mean, len(terms), seed=seed, heavy_tails=True)


def _draws(statistic: Statistic, units: int, random: Any) -> Array:
    """(draws,) figures of random samples with replacement, sorted; undefined ones are left out."""
    import numpy as np

    def counts(start: int, stop: int) -> Array:
        drawn = random.integers(0, units, (stop - start, units)) + units * np.arange(stop - start)[:, None]
        return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)

    figures = _in_pieces(statistic, DRAWS, units, counts)
    return np.sort(figures[np.isfinite(figures)])


def _in_pieces(statistic: Statistic, draws: int, units: int, counts: Callable[[int, int], Array]) -> Array:
    """The figures of many counts, a few at a time: memory stays small, and numbers in the cache."""
    import numpy as np

    size = max(1, _CELLS // units)
    return np.concatenate([statistic(counts(at, min(at + size, draws))) for at in range(0, draws, size)])


def _block_influences(statistic: Statistic, units: int, blocks: int, random: Any) -> Array:
    """(blocks,) how far each block moves the figure: its jackknife pseudo-value less the figure; they sum to 0."""
    import numpy as np

    block_of = random.permutation(units) % blocks
    left_out = _in_pieces(
        statistic, blocks, units, lambda start, stop: (block_of != np.arange(start, stop)[:, None]).astype(np.float64)
    )
    known = left_out[np.isfinite(left_out)]
    middle = known.mean() if len(known) else 0.0
    return (blocks - 1.0) * (middle - np.where(np.isfinite(left_out), left_out, middle))


def _freedom(left_out: Array) -> float:
    """Degrees of freedom of the variance of a figure, from its jackknife values.

    The estimate of a variance varies by (kurtosis - 1) / n, and one of f degrees of freedom by 2 / f. Kurtosis is
    estimated without bias (Joanes and Gill, 1998), yet a few rows seldom show the tails, so half of it is taken.
    """
    n = len(left_out)
    if n < 4:
        return n - 1.0
    squares = (left_out - left_out.mean()) ** 2
    if not squares.mean() > 0:
        return n - 1.0
    excess = float((squares**2).mean() / squares.mean() ** 2 - 3.0)
    excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6)
    return min(max(n / (excess + 2.0), 2.0), n - 1.0) if excess > -1.0 else n - 1.0


def _interval(whole: float, drawn: Array, left_out: Array, quantile: float, method: str) -> Interval:
    """BCa from sorted draws and the jackknife values. quantile: how many standard errors the ends lie away."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    if not len(drawn):
        return Interval(whole, whole, method)
    below = ((drawn < whole).sum() + 0.5 * (drawn == whole).sum()) / len(drawn)
    shift = float(ndtri(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn))))
    away = left_out.mean() - left_out
    spread = float((away**2).sum())
    # Of a spread too small for a float's power there is nothing to accelerate.
    divisor = 6 * spread**1.5
    acceleration = float((away**3).sum()) / divisor if divisor > 0 else 0.0
    ends = []
    for distance in (-quantile, quantile):
        moved = shift + distance
        slope = 1 - acceleration * moved
        # Beyond its pole the correction would turn around; the last draw is as far as it goes.
        place = ndtr(shift + moved / slope) if slope > 0 else float(moved > 0)
        ends.append(float(np.quantile(drawn, place)))
    return Interval(min(ends[0], whole), max(ends[1], whole), method)
