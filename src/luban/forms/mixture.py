"""A mixture of normal distributions: the probability that a row came from each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _links
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._choice import Choice
from luban.forms._rows import in_pieces
from luban.protocols import Builder, State

_MOST_CELLS = 50_000_000


@final
@dataclass(frozen=True, eq=False)
class Mixture:
    """Responsibilities: softmax(log_weight + log det(whitening) - |row @ whitening - mean @ whitening|^2 / 2).

    means: (clusters, width) float64.
    whitening: (clusters, width, width) float64, upper triangular with a positive diagonal: for each cluster the matrix
        W with W @ W.T = the inverse of its covariance (Cholesky factor of the precision).
    weights: (clusters,) float64, sum to 1. choice: why there are so many clusters.
    """

    kind: ClassVar[str] = "mixture"
    means: Array
    whitening: Array
    weights: Array
    choice: Choice | None = None

    @property
    def width(self) -> int:
        return int(self.means.shape[1])

    @property
    def output_width(self) -> int:
        return len(self.means)

    @cached_property
    def _drawn(self) -> tuple[Array, Array, Array]:
        """(width, clusters * width) whitening, (clusters * width,) whitened means, (clusters,) log constants."""
        clusters, width = self.means.shape
        side_by_side = np.ascontiguousarray(self.whitening.transpose(1, 0, 2).reshape(width, clusters * width))
        means = np.einsum("kd,kde->ke", self.means, self.whitening).ravel()
        determinants = np.log(np.diagonal(self.whitening, axis1=1, axis2=2)).sum(axis=1)
        return side_by_side, means, np.log(self.weights) + determinants

    def outputs(self, inputs: Inputs) -> Array:
        cost = 3 * self.means.size + self.width
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=cost)

    def _answer(self, rows: Array) -> Array:
        whitening, means, constants = self._drawn
        white = rows.astype(np.float64) @ whitening - means
        distances = (white * white).reshape(len(rows), *self.means.shape).sum(axis=2)
        return _links.softmax(constants - 0.5 * distances)

    def state(self) -> State:
        chosen = {} if self.choice is None else {"choice": self.choice.to_json()}
        return State(chosen, {"means": self.means, "whitening": self.whitening, "weights": self.weights})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        choice = checked.optional("choice")
        means = checked.array("means", "float64", None, None)
        clusters, width = means.shape
        whitening = checked.array("whitening", "float64", clusters, width, width)
        weights = checked.array("weights", "float64", clusters)
        checked.end()
        if clusters > MOST_OUTPUTS or whitening.size > _MOST_CELLS:
            raise checked.fail(f"{clusters} clusters of {width} inputs are more than luban writes")
        if np.tril(whitening, -1).any():
            raise checked.fail("a whitening is not upper triangular")
        if np.diagonal(whitening, axis1=1, axis2=2).min() <= 0 or weights.min() <= 0:
            raise checked.fail("a cluster has a weight or a whitening that is not above zero")
        if abs(float(weights.sum()) - 1.0) > 1e-6:
            raise checked.fail(f"its weights sum to {float(weights.sum()):g} instead of 1")
        return cls(means, whitening, weights, None if choice is None else Choice.from_json(choice))

    def graph(self, builder: Builder, inputs: str) -> str:
        whitening, means, constants = self._drawn
        product = builder.node("MatMul", builder.double(inputs), builder.constant(whitening))
        white = builder.node("Sub", product, builder.constant(means))
        # Summing the squares of each cluster is a product with a matrix of ones in blocks.
        blocks = np.repeat(np.eye(len(self.means)), self.width, axis=0) * -0.5
        halves = builder.node("MatMul", builder.node("Mul", white, white), builder.constant(blocks))
        return builder.node("Softmax", builder.node("Add", halves, builder.constant(constants)), axis=1)


form = Mixture
