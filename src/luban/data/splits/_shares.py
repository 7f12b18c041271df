"""Shares of rows as whole numbers."""

from __future__ import annotations


def held_out(rows: int, share: float) -> int:
    """How many of these rows are a share of them: at least one, and at least one is left.

    >>> held_out(569, 0.2), held_out(2, 0.01), held_out(2, 0.99)
    (114, 1, 1)
    """
    return min(max(round(rows * share), 1), rows - 1)
