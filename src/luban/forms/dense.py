"""Fully connected layers: a small neural network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _links
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._rows import in_pieces
from luban.protocols import Builder, State

ACTIVATIONS = ("relu", "tanh", "logistic", "identity")
_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}
_MOST_LAYERS = 100


@final
@dataclass(frozen=True, eq=False)
class Dense:
    """Each layer: activation(rows @ weights + bias); after the last one the link instead, then scale and offset.

    layers: (weights (inputs, units), bias (units,)) float64 of each. activation: one of ACTIVATIONS.
    scale, offset: what the answers are multiplied by and moved by; 1 and 0 for probabilities.

    >>> one = (np.array([[1.0, -1.0]]), np.zeros(2))
    >>> two = (np.array([[1.0], [1.0]]), np.zeros(1))
    >>> Dense((one, two), "relu", "identity").outputs(np.array([[-3.0]], np.float32)).tolist()  # the absolute value
    [[3.0]]
    """

    kind: ClassVar[str] = "dense"
    layers: tuple[tuple[Array, Array], ...]
    activation: str
    link: str
    scale: float = 1.0
    offset: float = 0.0

    @property
    def width(self) -> int:
        return int(self.layers[0][0].shape[0])

    @property
    def output_width(self) -> int:
        return _links.output_width(self.link, len(self.layers[-1][1]))

    def outputs(self, inputs: Inputs) -> Array:
        widest = max(len(bias) for _, bias in self.layers)
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=widest)

    def _answer(self, rows: Array) -> Array:
        values = rows.astype(np.float64)
        *hidden, (weights, bias) = self.layers
        # Weights of a stranger may overflow; what comes out is then not finite, and never a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            for inner_weights, inner_bias in hidden:
                values = _activate(self.activation, values @ inner_weights + inner_bias)
            return _links.apply(self.link, values @ weights + bias) * self.scale + self.offset

    def state(self) -> State:
        arrays = {}
        for place, (weights, bias) in enumerate(self.layers):
            arrays[f"weights{place}"], arrays[f"bias{place}"] = weights, bias
        values = {"layers": len(self.layers), "activation": self.activation, "link": self.link}
        return State({**values, "scale": self.scale, "offset": self.offset}, arrays)

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        count = checked.whole("layers", 1, _MOST_LAYERS)
        activation, link = checked.choice("activation", ACTIVATIONS), checked.choice("link", _links.LINKS)
        scale, offset = checked.number("scale", -1e100, 1e100), checked.number("offset", -1e100, 1e100)
        layers = []
        width: int | None = None
        for place in range(count):
            bias = checked.array(f"bias{place}", "float64", None)
            layers.append((checked.array(f"weights{place}", "float64", width, len(bias)), bias))
            width = len(bias)
        if width is None or width > MOST_OUTPUTS or not _links.fits(link, width):
            raise checked.fail(f"the link '{link}' does not follow {width} sums")
        checked.end()
        return cls(tuple(layers), activation, link, scale, offset)

    def graph(self, builder: Builder, inputs: str) -> str:
        values = builder.double(inputs)
        for place, (weights, bias) in enumerate(self.layers):
            product = builder.node("MatMul", values, builder.constant(weights))
            values = builder.node("Add", product, builder.constant(bias))
            if place < len(self.layers) - 1 and self.activation != "identity":
                values = builder.node(_OPERATORS[self.activation], values)
        answers = _links.draw(self.link, builder, values)
        if (self.scale, self.offset) == (1.0, 0.0):
            return answers
        scaled = builder.node("Mul", answers, builder.constant(np.array(self.scale)))
        return builder.node("Add", scaled, builder.constant(np.array(self.offset)))


def _activate(activation: str, values: Array) -> Array:
    if activation == "relu":
        return np.maximum(values, 0.0)
    if activation == "tanh":
        return np.tanh(values)
    return _links.sigmoid(values) if activation == "logistic" else values


form = Dense
