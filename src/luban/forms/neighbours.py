"""The nearest of the stored rows decide: k nearest neighbours.

All rows that are as near as the k-th count, so that the answer depends neither on the order in which rows were stored
nor on which of equal rows a sort puts first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _distances
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._rows import in_pieces
from luban.protocols import DOUBLE, Builder, State

WEIGHTING = ("uniform", "distance")
# Squared distances of equal rows differ by rounding (about 1e-14); within this they are equal.
_EQUAL = 1.0 + 1e-9
_NEAREST = 1e-10


@final
@dataclass(frozen=True, eq=False)
class Neighbours:
    """The weighted mean of the targets of the k nearest stored rows.

    rows: (stored, width) float32. targets: (stored, outputs) float64. weight: (stored,) float64 above zero.
    count: k. weighting: `uniform`, or `distance` for weights of 1 / distance.

    >>> form = Neighbours(np.array([[0.0], [1.0], [9.0]], np.float32), np.array([[1.0], [3.0], [7.0]]), np.ones(3), 2)
    >>> form.outputs(np.array([[0.4]], np.float32)).tolist()
    [[2.0]]
    """

    kind: ClassVar[str] = "neighbours"
    rows: Array
    targets: Array
    weight: Array
    count: int
    weighting: str = "uniform"

    @property
    def width(self) -> int:
        return int(self.rows.shape[1])

    @property
    def output_width(self) -> int:
        return int(self.targets.shape[1])

    @cached_property
    def _stored(self) -> tuple[Array, Array, Array]:
        """The rows as float64, their squared lengths, and (stored, outputs + 1) weighted targets beside the weights."""
        rows = self.rows.astype(np.float64)
        return rows, _distances.norms(rows), self._weighted()

    def _weighted(self) -> Array:
        return np.concatenate([self.targets * self.weight[:, None], self.weight[:, None]], axis=1)

    def outputs(self, inputs: Inputs) -> Array:
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=4 * len(self.rows))

    def _answer(self, rows: Array) -> Array:
        stored, lengths, weighted = self._stored
        distances = np.maximum(_distances.squared(rows, stored, lengths), _NEAREST)
        farthest = np.partition(distances, self.count - 1, axis=1)[:, self.count - 1 : self.count]
        near = (distances <= farthest * _EQUAL).astype(np.float64)
        if self.weighting == "distance":
            near /= np.sqrt(distances)
        totals = near @ weighted
        return np.asarray(totals[:, :-1] / totals[:, -1:])

    def state(self) -> State:
        values = {"count": self.count, "weighting": self.weighting}
        return State(values, {"rows": self.rows, "targets": self.targets, "weight": self.weight})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        rows = checked.array("rows", "float32", None, None)
        targets = checked.array("targets", "float64", len(rows), None)
        weight = checked.array("weight", "float64", len(rows))
        count, weighting = checked.whole("count", 1, len(rows)), checked.choice("weighting", WEIGHTING)
        checked.end()
        if targets.shape[1] > MOST_OUTPUTS:
            raise checked.fail(f"it has {targets.shape[1]} outputs")
        if weight.min() < 1e-30 or weight.max() > 1e30:
            raise checked.fail("a row has a weight that is not above zero, or far too large")
        return cls(rows, targets, weight, count, weighting)

    def graph(self, builder: Builder, inputs: str) -> str:
        stored = self.rows.astype(np.float64)
        floor = builder.constant(np.array(_NEAREST))
        distances = builder.node("Max", _distances.draw(builder, builder.double(inputs), stored), floor)
        count = builder.constant(np.array([self.count], dtype=np.int64))
        nearest = builder.node("TopK", distances, count, outputs=2, axis=1, largest=0, sorted=1)
        farthest = builder.node("ReduceMax", nearest, builder.constant(np.array([1], dtype=np.int64)), keepdims=1)
        bound = builder.node("Mul", farthest, builder.constant(np.array(_EQUAL)))
        near = builder.node("Cast", builder.node("LessOrEqual", distances, bound), to=DOUBLE)
        if self.weighting == "distance":
            near = builder.node("Div", near, builder.node("Sqrt", distances))
        weighted = self._weighted()
        sums = builder.node("MatMul", near, builder.constant(np.ascontiguousarray(weighted[:, :-1])))
        total = builder.node("MatMul", near, builder.constant(np.ascontiguousarray(weighted[:, -1:])))
        return builder.node("Div", sums, total)


form = Neighbours
