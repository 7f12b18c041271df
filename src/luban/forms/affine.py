"""A weighted sum of the inputs for each output, and a link: linear and logistic regression, linear SVMs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _links
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._rows import check_width, in_pieces, is_sparse
from luban.protocols import Builder, State


@final
@dataclass(frozen=True, eq=False)
class Affine:
    """link(inputs @ weights + bias).

    weights: (width, sums) float64. bias: (sums,) float64. link: one of `_links.LINKS`.

    >>> form = Affine(np.array([[2.0], [0.5]]), np.array([1.0]), "identity")
    >>> form.outputs(np.array([[1.0, 4.0]], np.float32)).tolist()
    [[5.0]]
    """

    kind: ClassVar[str] = "affine"
    weights: Array
    bias: Array
    link: str

    @property
    def width(self) -> int:
        return int(self.weights.shape[0])

    @property
    def output_width(self) -> int:
        return _links.output_width(self.link, len(self.bias))

    def outputs(self, inputs: Inputs) -> Array:
        if is_sparse(inputs):
            check_width(inputs, self.width)
            return _links.apply(self.link, np.asarray(inputs @ self.weights) + self.bias)
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=len(self.bias))

    def _answer(self, rows: Array) -> Array:
        return _links.apply(self.link, rows.astype(np.float64) @ self.weights + self.bias)

    def state(self) -> State:
        return State({"link": self.link}, {"weights": self.weights, "bias": self.bias})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        link = checked.choice("link", _links.LINKS)
        bias = checked.array("bias", "float64", None)
        weights = checked.array("weights", "float64", None, len(bias))
        if len(bias) > MOST_OUTPUTS or not _links.fits(link, len(bias)):
            raise checked.fail(f"the link '{link}' does not follow {len(bias)} sums")
        checked.end()
        return cls(weights, bias, link)

    def graph(self, builder: Builder, inputs: str) -> str:
        product = builder.node("MatMul", builder.double(inputs), builder.constant(self.weights))
        return _links.draw(self.link, builder, builder.node("Add", product, builder.constant(self.bias)))


form = Affine
