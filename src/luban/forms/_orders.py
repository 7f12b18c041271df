"""What the forms of counted texts share: their state, and counts that are discounted."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from luban.batch import Array
from luban.forms._checked import Checked
from luban.protocols import Builder, NoGraph, State

PAD, START, MASK, MARKS = 0, 2, 4, 5
"""The first `MARKS` tokens are marks: which of them fills up, begins a text, and stands for a hidden token."""
MOST_TOKENS = 1_000_000


@dataclass(frozen=True, eq=False)
class Counted(ABC):
    """Abstract. keys: (sequences,) int64, sequences of three tokens as numbers (a V + b) V + c, rising.
    counts: (sequences,) int64. size: V, how many tokens there are, marks among them.
    """

    kind: ClassVar[str]
    keys: Array
    counts: Array
    size: int

    @property
    def width(self) -> int:
        return 1

    def state(self) -> State:
        return State({"size": self.size}, {"keys": self.keys, "counts": self.counts})

    @classmethod
    def counting(cls, first: Array, second: Array, third: Array, size: int) -> Self:
        """The counts of these sequences; (steps,) int64 each."""
        keys, counts = np.unique((first * size + second) * size + third, return_counts=True)
        return cls(keys, counts.astype(np.int64), size)

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        size = checked.whole("size", MARKS + 1, MOST_TOKENS)
        keys = checked.array("keys", "int64", None)
        counts = checked.array("counts", "int64", len(keys))
        checked.end()
        if keys[0] < 0 or int(keys[-1]) >= size**3 or (np.diff(keys) <= 0).any():
            raise checked.fail("its sequences are not rising numbers of three tokens")
        if counts.min() < 1 or int(counts.max()) > 1 << 40:
            raise checked.fail("its counts are no counts")
        return cls(keys, counts, size)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("texts of any length are read in one go; no graph does that")


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
