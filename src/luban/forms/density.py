"""Clusters of any shape: a row belongs where its nearest training row belongs, unless that is too far away.

This is how a clustering that knows only its training rows (HDBSCAN) answers new ones. Training rows get back the
cluster that they were given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _distances
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._choice import Choice
from luban.forms._rows import in_pieces
from luban.protocols import Builder, NoGraph, State


@final
@dataclass(frozen=True, eq=False)
class Density:
    """1 for the cluster of the nearest stored row and 0 for the others; the last output stands for noise.

    points: (stored, width) float32. labels: (stored,) int64, the number of clusters for noise.
    reach: (clusters,) float64, how far from its nearest row a row still belongs to a cluster.
    choice: how many clusters were found.

    >>> form = Density(np.array([[0.0], [9.0]], np.float32), np.array([0, 1]), np.array([1.0, 1.0]))
    >>> form.outputs(np.array([[0.5], [4.0]], np.float32)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    kind: ClassVar[str] = "density"
    points: Array
    labels: Array
    reach: Array
    choice: Choice | None = None

    @property
    def width(self) -> int:
        return int(self.points.shape[1])

    @property
    def output_width(self) -> int:
        return len(self.reach) + 1

    @cached_property
    def _stored(self) -> tuple[Array, Array, Array]:
        points = self.points.astype(np.float64)
        return points, _distances.norms(points), np.append(self.reach, np.inf)

    def outputs(self, inputs: Inputs) -> Array:
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=2 * len(self.points))

    def _answer(self, rows: Array) -> Array:
        points, lengths, reach = self._stored
        distances = _distances.squared(rows, points, lengths)
        nearest = distances.argmin(axis=1)
        label = self.labels[nearest]
        # The formula for all distances rounds; the one that decides is taken again, exactly.
        away = np.sqrt(_distances.norms(rows.astype(np.float64) - points[nearest]))
        label = np.where(away <= reach[label], label, len(self.reach))
        return np.asarray((label[:, None] == np.arange(self.output_width)).astype(np.float64))

    def state(self) -> State:
        chosen = {} if self.choice is None else {"choice": self.choice.to_json()}
        return State(chosen, {"points": self.points, "labels": self.labels, "reach": self.reach})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        choice = checked.optional("choice")
        points = checked.array("points", "float32", None, None)
        labels = checked.array("labels", "int64", len(points))
        # Where all is noise there is no cluster.
        clusters = len(np.atleast_1d(state.arrays.get("reach", np.zeros(1))))
        reach = checked.array("reach", "float64", clusters)
        checked.end()
        if clusters > MOST_OUTPUTS or labels.min() < 0 or labels.max() > clusters:
            raise checked.fail("a row belongs to a cluster that does not exist")
        if clusters and reach.min() < 0:
            raise checked.fail("a cluster reaches less far than nothing")
        return cls(points, labels, reach, None if choice is None else Choice.from_json(choice))

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("it looks up the nearest of its stored rows, which a graph does no faster")


form = Density
