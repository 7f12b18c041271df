"""Fully connected layers: the whole of `mlp`, and the end of other networks."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, final

from torch import Tensor, nn

from luban.models._layers import ACTIVATIONS, Normalise, Standardise, linear
from luban.protocols import Shape


def encoder(shape: Shape, **asked: Any) -> nn.Module:
    """The fully connected encoder of a vector, or of all pixels of an image."""
    return DenseImage(shape, **asked) if shape.kind == "image" else Dense(shape.size[0], **asked)


@final
class Dense(nn.Module):
    """h' = dropout(activation(normalise(W h + b))), once for each number of units (Rumelhart et al., 1986).

    Takes (rows, inputs), or rows of any shape of as many numbers; gives (rows, width).
    """

    def __init__(
        self, inputs: int, units: Sequence[int], *, activation: str, normalisation: str = "none", dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((inputs, *units), units, strict=False):
            bias = normalisation != "batch"  # which has a bias of its own
            layers += [linear(before, after, activation, bias=bias), Normalise(normalisation, after, axes=0)]
            layers += [ACTIVATIONS[activation](), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.width = units[-1] if units else inputs

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        answers: Tensor = self.layers(values.flatten(1))
        return answers


@final
class DenseImage(nn.Module):
    """(rows, width) of images (rows, channels, height, width): standardised, and all of their pixels side by side."""

    def __init__(self, shape: Shape, **asked: Any) -> None:
        super().__init__()
        self.standardise = Standardise(shape, after=2)
        self.connected = Dense(prod(shape.size), **asked)
        self.width = self.connected.width

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        answers: Tensor = self.connected(self.standardise(values))
        return answers
