"""Sequences of tokens that were counted, discounted: what the forms of counted texts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from luban.batch import Array

MARKS, START = 5, 2
"""The first tokens are marks; which of them begins a text."""
MOST_TOKENS = 1_000_000


@dataclass(frozen=True, eq=False)
class Order:
    """Sequences of one length: what can follow which history.

    keys: (sequences,) int64, history * V + token, rising. share: (sequences,) float64, the discounted count over that
    of the history. histories: (histories,) int64, rising. rest: (histories,) what is left for the lower order.
    """

    keys: Array
    share: Array
    histories: Array
    rest: Array

    @classmethod
    def of(cls, keys: Array, counts: Array, size: int) -> Self:
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        # Where no sequence was counted once, nothing says how many were missed.
        discount = once / (once + 2 * twice) if once else 0.5
        histories, first = np.unique(keys // size, return_index=True)
        totals = np.add.reduceat(counts, first).astype(np.float64)
        different = np.diff(np.append(first, len(keys)))
        each = np.repeat(totals, different)
        return cls(keys, np.maximum(counts - discount, 0.0) / each, histories, discount * different / totals)

    def mixed(self, histories: Array, tokens: Array, size: int, lower: Array) -> Array:
        """The probability of each token behind its history. lower: that of the lower order."""
        own, rest = _found(self.keys, self.share, histories * size + tokens, 0.0), self.left(histories)
        return np.asarray(own + rest * lower)

    def left(self, histories: Array) -> Array:
        """What is left for the lower order; all of it behind a history that was never seen."""
        return _found(self.histories, self.rest, histories, 1.0)


def _found(keys: Array, values: Array, wanted: Array, other: float) -> Array:
    """The value of each wanted key; `other` where there is no such key."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], other)
