"""Clusters around centres: k-means.

The probability of a cluster is that of equally common round normal distributions around the centres with one common
variance, the mean squared distance of a training row to its centre in each dimension. So the most probable cluster is
the nearest centre always, and rows between two centres say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _distances, _links
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._choice import Choice
from luban.forms._rows import in_pieces
from luban.protocols import Builder, State


@final
@dataclass(frozen=True, eq=False)
class Centroids:
    """softmax(-|row - centre|^2 / (2 * variance)).

    centres: (clusters, width) float64. variance: above zero. choice: why there are so many clusters.

    >>> form = Centroids(np.array([[0.0], [10.0]]), 1.0)
    >>> form.outputs(np.array([[5.0]], np.float32)).tolist()
    [[0.5, 0.5]]
    """

    kind: ClassVar[str] = "centroids"
    centres: Array
    variance: float
    choice: Choice | None = None

    @property
    def width(self) -> int:
        return int(self.centres.shape[1])

    @property
    def output_width(self) -> int:
        return len(self.centres)

    @cached_property
    def _lengths(self) -> Array:
        return _distances.norms(self.centres)

    def outputs(self, inputs: Inputs) -> Array:
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=4 * len(self.centres))

    def _answer(self, rows: Array) -> Array:
        distances = _distances.squared(rows, self.centres, self._lengths)
        return _links.softmax(distances * (-0.5 / self.variance))

    def state(self) -> State:
        chosen = {} if self.choice is None else {"choice": self.choice.to_json()}
        return State({"variance": self.variance, **chosen}, {"centres": self.centres})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        variance, choice = checked.number("variance", 1e-30, 1e100), checked.optional("choice")
        centres = checked.array("centres", "float64", None, None)
        checked.end()
        if len(centres) > MOST_OUTPUTS:
            raise checked.fail(f"it has {len(centres)} clusters")
        return cls(centres, variance, None if choice is None else Choice.from_json(choice))

    def graph(self, builder: Builder, inputs: str) -> str:
        distances = _distances.draw(builder, builder.double(inputs), self.centres)
        scaled = builder.node("Mul", distances, builder.constant(np.array(-0.5 / self.variance)))
        return builder.node("Softmax", scaled, axis=1)


form = Centroids
