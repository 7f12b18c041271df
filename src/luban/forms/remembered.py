"""Says what was written for the stored text that is most like the one that is read: a translation memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, PerRow, Ragged, joined
from luban.forms import _letters
from luban.forms._checked import Checked
from luban.protocols import Builder, NoGraph, State

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

AT_ONCE = 1 << 22
"""Likenesses that are looked at at once, which bounds the memory."""
COMMON, FEWEST = 0.05, 50
"""Pieces that a larger share of the stored texts have, and at least so many, tell nothing apart and are left out: they
take most of the time.
"""


@final
@dataclass(frozen=True, eq=False)
class Remembered:
    """y of argmax over i of cos(w p(x_i), w p(x)), with p(x) which pieces of 2 to 4 letters a text has, and w = ln((1 +
    n) / (1 + count of the texts with the piece)); x itself where no stored text is as like as `least`.

    sources, targets: Ragged uint8, the bytes of the stored texts, and of what was written for each.
    Of equally like texts the first is taken.
    """

    kind: ClassVar[str] = "remembered"
    sources: Ragged
    targets: Ragged
    least: float

    @property
    def width(self) -> int:
        """No matrix is taken."""
        return 0

    @property
    def output_width(self) -> int:
        return 1

    @cached_property
    def _stored(self) -> tuple[Array, csr_matrix]:
        """The weight of each piece, and (pieces, stored) the weighted pieces of the stored texts, each of length 1."""
        found = _letters.pieces(self.sources)
        counts = np.bincount(found.indices, minlength=_letters.BUCKETS)
        weight = np.log((1 + len(self.sources)) / (1 + counts))
        weight[counts > max(COMMON * len(self.sources), FEWEST)] = 0.0
        return weight, _weighted(found, weight).T.tocsr()

    def nearest(self, rows: Ragged, own: Array | None = None) -> tuple[Array, Array]:
        """(rows,) the number of the stored text that is most like each, and how like it is, from 0 to 1.

        rows: Ragged uint8.
        own: (rows,) the number of a stored text that does not count, for rows that are stored themselves.
        """
        weight, stored = self._stored
        size = max(AT_ONCE // len(self.sources), 1)
        places, likeness = np.zeros(len(rows), np.int64), np.zeros(len(rows))
        for first in range(0, len(rows), size):
            some = np.arange(first, min(first + size, len(rows)))
            # Rounded, so that sums in another order decide nothing.
            alike = np.round((_weighted(_letters.pieces(rows[some]), weight) @ stored).toarray(), 9)
            if own is not None:
                alike[np.arange(len(some)), own[some]] = -1.0
            places[some], likeness[some] = alike.argmax(axis=1), alike.max(axis=1)
        return places, likeness

    def outputs(self, inputs: Inputs) -> PerRow:
        """Ragged uint8: the bytes of the text of each row."""
        rows = _letters.texts(inputs)
        return self.said(rows, *self.nearest(rows))

    def said(self, rows: Ragged, places: Array, likeness: Array) -> Ragged:
        """What is answered to rows whose most like stored texts are known."""
        known = likeness >= self.least
        both = joined([self.targets, rows[~known]])
        assert isinstance(both, Ragged), "texts differ in length"
        numbers = places.copy()
        numbers[~known] = len(self.targets) + np.arange(int((~known).sum()))
        return both[numbers]

    def with_least(self, least: float) -> Self:
        """The same, copying what is less like."""
        return replace(self, least=least)

    def state(self) -> State:
        arrays: dict[str, Any] = {}
        for name, rows in (("sources", self.sources), ("targets", self.targets)):
            arrays[name] = rows.values[rows.offsets[0] : rows.offsets[-1]]
            arrays[f"{name}_offsets"] = rows.offsets - rows.offsets[0]
        return State({"least": self.least}, arrays)

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        sources, targets = _ragged(checked, "sources"), _ragged(checked, "targets")
        least = checked.number("least", 0.0, 2.0)
        checked.end()
        if len(sources) != len(targets):
            raise checked.fail(f"{len(sources)} texts were read, and {len(targets)} written")
        return cls(sources, targets, least)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a text is no number that a graph gives")


def _weighted(found: csr_matrix, weight: Array) -> csr_matrix:
    """The pieces times their weights, each row of length 1, or of 0 where no piece weighs anything."""
    from scipy.sparse import diags

    weighted = found.multiply(weight[None, :]).tocsr()
    weighted.eliminate_zeros()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return (diags(1 / np.where(lengths > 0, lengths, 1.0)) @ weighted).tocsr()


def _ragged(checked: Checked, name: str) -> Ragged:
    values, offsets = checked.array(name, "uint8", None), checked.array(f"{name}_offsets", "int64", None)
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        raise checked.fail(f"the texts of '{name}' do not lie one behind the other")
    return Ragged(values, offsets)


form = Remembered
