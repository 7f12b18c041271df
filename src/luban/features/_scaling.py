"""How values are centred and spread, for the features that scale: numbers and times."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Array

SCALED_LIMIT = 1e4
"""Where scaled values stop, either way, so that whatever comes is finite.

With standard scaling no training row reaches it: the largest z-score of n values is below the root of n.
"""
UNSCALED_LIMIT = 1e15
"""Where unscaled values stop: the squares of a hundred million of them still add up within float32."""
_LARGEST = 1e150
"""Where values stop while a mean and a variance are learned, so that squares stay finite."""


def learn(raw: Array, scale: str) -> dict[str, Any]:
    """median, center, spread and limit of the finite values, as JSON numbers.

    standard: mean and standard deviation. robust: median and interquartile range. none: 0 and 1.

    >>> learn(np.array([1.0, 3.0, np.nan]), "standard")
    {'median': 2.0, 'center': 2.0, 'spread': 1.0, 'limit': 10000.0}
    """
    # Sorted, so that the sums do not depend on the order of the rows.
    known = np.sort(np.clip(raw[np.isfinite(raw)], -_LARGEST, _LARGEST))
    median = float(np.median(known)) if len(known) else 0.0
    if scale == "none":
        return unscaled(median)
    center, spread = (0.0, 1.0) if not len(known) else (_robust if scale == "robust" else _standard)(known)
    return {"median": median, "center": center, "spread": spread, "limit": SCALED_LIMIT}


def unscaled(median: float) -> dict[str, Any]:
    """What fills missing values with the median, and does not scale."""
    return {"median": median, "center": 0.0, "spread": 1.0, "limit": UNSCALED_LIMIT}


def problem(values: dict[str, Any]) -> str | None:
    """What `learn` would never have written, in words; None when all is well."""
    for key in ("median", "center", "spread", "limit"):
        value = values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _LARGEST:
            return f"its {key} must be a finite number, not {value!r:.40}"
    if not values["spread"] > 0:
        return f"its spread must be above zero, not {values['spread']}"
    if values["limit"] not in (SCALED_LIMIT, UNSCALED_LIMIT):
        return f"its limit must be {SCALED_LIMIT:g} or {UNSCALED_LIMIT:g}, not {values['limit']}"
    return None


def _standard(known: Array) -> tuple[float, float]:
    # Equal values have a mean that is off by a rounding error, which would pass for their spread.
    center = float(np.clip(known.mean(), known[0], known[-1]))
    spread = float(np.sqrt(np.mean((known - center) ** 2)))
    return center, spread or 1.0


def _robust(known: Array) -> tuple[float, float]:
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    # More than half of the values are equal: the quartiles say nothing, the standard deviation still may.
    return float(middle), float(high - low) if high > low else _standard(known)[1]
