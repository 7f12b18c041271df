"""What the data types of networks learn alike: from which rows, how long rows are, and what their channels are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import polars as pl

from luban.batch import Array

LONGEST = 1_000_000
"""Steps of a row at most, whatever a recipe says."""
_LARGEST = 1e15

Rows = TypeVar("Rows", list[str], pl.Series)


def spread_out(rows: Rows, most: int) -> Rows:
    """At most so many rows, evenly spaced, in their order; at least one of them where there are any.

    >>> spread_out(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    if len(rows) <= most:
        return rows
    places = np.linspace(0, len(rows) - 1, max(most, 1)).astype(int).tolist()
    return rows.gather(places) if isinstance(rows, pl.Series) else [rows[place] for place in places]


def longest_of(lengths: Array, most: int) -> int:
    """What 99 of 100 rows are not longer than, at most `most`, at least 1.

    >>> longest_of(np.array([1] * 98 + [7, 90]), 512)
    7
    """
    return min(max(int(np.quantile(lengths, 0.99, method="inverted_cdf")), 1), most) if len(lengths) else 1


def whole(length: int, least: int = 1) -> int:
    """A length that a recipe gives, within what can be."""
    return min(max(int(length), least), LONGEST)


def standard(means: Sequence[float], variances: Sequence[float]) -> dict[str, list[float]]:
    """center and spread of channels as JSON numbers; a channel that does not vary has the spread 1.

    >>> standard([1.5, 2.0], [4.0, 0.0])
    {'center': [1.5, 2.0], 'spread': [2.0, 1.0]}
    """
    spreads = [math.sqrt(max(variance, 0.0)) for variance in variances]
    # What rounding leaves of equal values would pass for their spread.
    small = [1e-7 * max(abs(mean), 1e-30) for mean in means]
    return {
        "center": [float(mean) for mean in means],
        "spread": [float(spread) if spread > least else 1.0 for spread, least in zip(spreads, small, strict=True)],
    }


def problem(values: dict[str, Any], channels: int) -> str | None:
    """What `standard` would never have written, in words; None when all is well."""
    for key in ("center", "spread"):
        numbers = values.get(key)
        if not isinstance(numbers, list) or len(numbers) != channels or not all(map(_finite, numbers)):
            return f"its {key} must be {channels} finite numbers"
    return None if all(number > 0 for number in values["spread"]) else "its spread must be above zero"


def is_whole(value: Any, least: int, most: int) -> bool:
    """Whether this is a whole number within the limits."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
