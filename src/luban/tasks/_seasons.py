"""After how many steps series come round, by autocorrelation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luban.batch import Array

CLEAR = 0.3
"""Autocorrelation of the changes from step to step, above which a season is taken to be there."""
AS_GOOD = 0.9
"""Of seasons whose correlation is at least this share of the best, the shortest is taken: the others repeat it."""
LOOKED_AT = 50
"""Series that are looked at, at most; the longest ones."""
_LONGEST = 2_000


def season(series: Sequence[Array]) -> int:
    """The number of steps after which the series come round; 1 where no season is clear.

    The changes from step to step are looked at, since a trend correlates with itself at every distance.

    >>> season([np.tile([1.0, 5.0, 2.0, 0.0], 10) + np.arange(40)])
    4
    """
    longest = sorted(series, key=len, reverse=True)[:LOOKED_AT]
    most = min(int(np.median([len(values) for values in longest])) // 3, _LONGEST)
    if most < 2:
        return 1
    sums, counts = np.zeros(most + 2), np.zeros(most + 2)
    for values in longest:
        found = autocorrelation(np.diff(values), most + 1)
        sums[: len(found)] += found
        counts[: len(found)] += 1
    means = sums / np.maximum(counts, 1)
    lags = np.arange(2, most + 1)
    peaks = lags[(means[lags] >= means[lags - 1]) & (means[lags] >= means[lags + 1])]
    clear = peaks[means[peaks] > CLEAR]
    if not len(clear):
        return 1
    return int(clear[means[clear] >= AS_GOOD * means[clear].max()][0])


def autocorrelation(values: Array, most: int) -> Array:
    """(lags,) from 0 to `most`, or as far as the values go: correlation of the values with those so many steps before.

    Each sum is divided by its own number of terms, so that far lags are not made small.
    """
    away = values - values.mean()
    variance = float(away @ away) / len(away)
    most = min(most, len(away) - 1)
    if variance <= 1e-18 * max(float(np.abs(values).max()), 1e-9) ** 2:
        return np.zeros(most + 1)
    size = 2 ** int(np.ceil(np.log2(2 * len(away))))
    power = np.abs(np.fft.rfft(away, size)) ** 2
    sums = np.fft.irfft(power, size)[: most + 1]
    return np.asarray(sums / (len(away) - np.arange(most + 1)) / variance)
