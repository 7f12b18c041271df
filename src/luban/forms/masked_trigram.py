"""Counts that fill a hidden token from the one before it and the one behind it.

    p(w | l, r) = max(c(l w r) - D, 0) / c(l . r) + D n(l . r) / c(l . r) q(w | l, r)
    q(w | l, r) in proportion to p(w | l) p(w | r) / p(w)

p(w | l) and p(w | r) are of the same form, with p(w) below them, and p(w) with 1/V (absolute discounting: Ney et al.,
1994). Of a neighbour that is hidden itself nothing is known, so the other one alone says what stands between.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, PerRow, Ragged
from luban.forms import _hiding
from luban.forms._orders import MARKS, MASK, START, Counted, Order

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CELLS = 1 << 22
"""Probabilities that are calculated at once."""


@final
@dataclass(frozen=True, eq=False)
class MaskedTrigram(Counted):
    """Its keys are l r w of a token w between l and r."""

    kind: ClassVar[str] = "masked-trigram"

    @classmethod
    def learned(cls, rows: Ragged, size: int) -> Self:
        """The model of these texts, each from START to END."""
        left, token, right = _between(rows, np.ones(len(rows.values), bool))
        return cls.counting(left, right, token, size)

    @cached_property
    def _sides(self) -> tuple[Order, csr_matrix, csr_matrix, Array, Array, Array]:
        """Of both neighbours; of each alone, with what it leaves; and (size,) p(w)."""
        size = self.size
        pairs, token = np.divmod(self.keys, size)
        ones = np.bincount(token, self.counts, minlength=size)
        known = np.flatnonzero(ones)
        own = Order.of(known.astype(np.int64), ones[known].astype(np.int64), size)
        single = np.zeros(size)
        single[known] = own.share
        single[MARKS:] += own.rest[0] / max(size - MARKS, 1)
        sides: list[Any] = []
        for neighbour in (pairs // size, pairs % size):
            keys, place = np.unique(neighbour * size + token, return_inverse=True)
            order = Order.of(keys, np.bincount(place, self.counts).astype(np.int64), size)
            sides += [self._matrix(order), order.left(np.arange(size))]
        both = Order.of(self.keys, self.counts, size)
        return both, sides[0], sides[2], sides[1], sides[3], single

    def _matrix(self, order: Order) -> csr_matrix:
        from scipy.sparse import csr_matrix

        histories, tokens = np.divmod(order.keys, self.size)
        return csr_matrix((order.share, (histories, tokens)), shape=(self.size, self.size))

    @cached_property
    def _of_both(self) -> csr_matrix:
        from scipy.sparse import csr_matrix

        both = self._sides[0]
        histories, tokens = np.divmod(both.keys, self.size)
        lines = np.searchsorted(both.histories, histories)
        # The last line is that of neighbours that were never seen together.
        return csr_matrix((both.share, (lines, tokens)), shape=(len(both.histories) + 1, self.size))

    def probabilities(self, left: Array, right: Array) -> Array:
        """(steps, size) float64 of each token between these neighbours; `MASK` for one that is not known."""
        both, by_left, by_right, rest_left, rest_right, single = self._sides
        before = by_left[left].toarray() + rest_left[left][:, None] * single
        behind = by_right[right].toarray() + rest_right[right][:, None] * single
        before[left == MASK] = single
        behind[right == MASK] = single
        with np.errstate(divide="ignore", invalid="ignore"):
            lower = np.where(single > 0, before * behind / single, 0.0)
        lower /= lower.sum(axis=1, keepdims=True)
        key = left * self.size + right
        line = np.minimum(np.searchsorted(both.histories, key), len(both.histories) - 1)
        seen = (both.histories[line] == key) & (left != MASK) & (right != MASK)
        rest = np.where(seen, both.rest[line], 1.0)
        found = self._of_both[np.where(seen, line, len(both.histories))].toarray() + rest[:, None] * lower
        return np.asarray(found)

    @property
    def output_width(self) -> int:
        return 3

    def outputs(self, inputs: Inputs) -> PerRow:
        """(rows, 3) float64: the sum of -log p over the hidden tokens of each text, how many they are, and how many of
        them are filled right.
        """
        ((_, rows),) = collate.parts(inputs).items()
        assert isinstance(rows, Ragged), "texts come as tokens"
        hidden = _hiding.of_rows(rows)
        left, wanted, right = _between(rows, hidden)
        row = np.repeat(np.arange(len(rows)), rows.lengths)[hidden]
        each, best = np.empty(len(wanted)), np.empty(len(wanted), bool)
        together = max(CELLS // self.size, 1)
        for first in range(0, len(wanted), together):
            some = slice(first, first + together)
            found = self.probabilities(left[some], right[some])
            each[some] = -np.log(found[np.arange(len(found)), wanted[some]])
            best[some] = found.argmax(axis=1) == wanted[some]
        sums = [np.bincount(row, values, minlength=len(rows)) for values in (each, np.ones(len(row)), best)]
        return np.stack(sums, axis=1).astype(np.float64)


def _between(rows: Ragged, hidden: Array) -> tuple[Array, Array, Array]:
    """Of each hidden token that is no mark: the one before it, itself, and the one behind it. int64.

    A neighbour that is hidden too is `MASK`, unless all are: then they are learned from, and told.
    """
    values = np.asarray(rows.values).astype(np.int64)
    own = hidden & (values >= MARKS)
    told = values if hidden.all() else np.where(hidden, MASK, values)
    before = np.concatenate([[START], told[:-1]]) if len(told) else told
    behind = np.concatenate([told[1:], [START]]) if len(told) else told
    return before[own], values[own], behind[own]


form = MaskedTrigram
