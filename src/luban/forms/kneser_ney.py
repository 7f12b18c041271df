"""A trigram language model with interpolated Kneser-Ney smoothing (Kneser and Ney, 1995; Chen and Goodman, 1999).

    p(w | u v) = max(c(u v w) - D, 0) / c(u v .) + D n(u v .) / c(u v .) p(w | v)

c counts, n(u v .) says how many different tokens were seen behind u v. The lower orders are of the same form, with the
number of different tokens that were seen before a sequence in the place of its count; the lowest one ends in 1/V.
D = n1 / (n1 + 2 n2), of how many sequences of an order were counted once and twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, PerRow, Ragged
from luban.forms._orders import MASK, PAD, START, Counted, Order


@final
@dataclass(frozen=True, eq=False)
class KneserNey(Counted):
    """Its keys are the sequences u v w."""

    kind: ClassVar[str] = "kneser-ney"

    @classmethod
    def learned(cls, rows: Ragged, size: int) -> Self:
        """The model of these texts, each from START to END; what stands before START is START too."""
        before, after, last = steps(rows)
        return cls.counting(before, after, last, size)

    @cached_property
    def orders(self) -> tuple[Order, Order, Array]:
        """Of three tokens, of two, and (size,) the probabilities of one."""
        size = self.size
        pairs, before = np.unique(self.keys % (size * size), return_counts=True)
        ends, of_end = np.unique(pairs % size, return_counts=True)
        one = Order.of(ends.astype(np.int64), of_end.astype(np.int64), size)
        single = np.zeros(size)
        single[ends] = one.share
        # Marks are never written, but the end of a text.
        can_be = np.ones(size, bool)
        can_be[[PAD, START, MASK]] = False
        single += can_be * (one.rest[0] / can_be.sum())
        return (
            Order.of(self.keys, self.counts, size),
            Order.of(pairs.astype(np.int64), before.astype(np.int64), size),
            single,
        )

    def probabilities(self, first: Array, second: Array, tokens: Array) -> Array:
        """(steps,) float64 p(token | first second)."""
        three, two, one = self.orders
        lower = two.mixed(second, tokens, self.size, one[tokens])
        return three.mixed(first * self.size + second, tokens, self.size, lower)

    @property
    def output_width(self) -> int:
        return 2

    def outputs(self, inputs: Inputs) -> PerRow:
        """(rows, 2) float64: the sum of -log p over the tokens of each text and its end, and how many they are."""
        ((_, rows),) = collate.parts(inputs).items()
        assert isinstance(rows, Ragged), "texts come as tokens"
        first, second, tokens = steps(rows)
        lengths = np.maximum(rows.lengths - 1, 0)
        row = np.repeat(np.arange(len(rows)), lengths)
        each = -np.log(self.probabilities(first, second, tokens))
        return np.stack([np.bincount(row, each, minlength=len(rows)), lengths.astype(np.float64)], axis=1)


def steps(rows: Ragged) -> tuple[Array, Array, Array]:
    """Of each token behind the first of its row: the two before it, and the token. int64."""
    values, offsets = np.asarray(rows.values).astype(np.int64), rows.offsets
    values = values[offsets[0] : offsets[-1]]
    begins = (offsets[:-1] - offsets[0])[rows.lengths > 0]
    own = np.ones(len(values), bool)
    own[begins] = False
    before = np.concatenate([[START], values[:-1]]) if len(values) else values
    earlier = np.concatenate([[START], before[:-1]]) if len(values) else values
    seconds = begins + 1
    earlier[seconds[seconds < len(values)]] = START
    return earlier[own], before[own], values[own]


form = KneserNey
