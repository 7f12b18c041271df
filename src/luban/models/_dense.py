"""Fully connected layers: the whole of `mlp`, and the end of other networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn

from luban.models._layers import ACTIVATIONS, Normalise, linear


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
