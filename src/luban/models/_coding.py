"""The torch module around the encoder of an autoencoder: the code of a row, standardised, and a linear head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from luban.collate import LENGTHS
from luban.models._dense import Dense
from luban.models._encoders import usual
from luban.models._layers import Normalise, linear
from luban.protocols import Shape


@final
class Coding(nn.Module):
    """(rows, outputs) of rows as the autoencoder read them, and of other parts by their usual encoders.

    reading: the autoencoder, of which what draws rows again is taken away. code: numbers that say a row.
    """

    def __init__(self, reading: Any, code: int, others: Mapping[str, Shape], outputs: int, dropout: float) -> None:
        super().__init__()
        reading.forget_drawing()
        self.reading, self.names = reading, tuple(others)
        self.encoders = nn.ModuleList(usual(shape) for shape in others.values())
        self.norm = Normalise("batch", code, axes=0)
        self.dropout = nn.Dropout(dropout)
        widths = [code, *(encoder.width for encoder in self.encoders)]
        # Of codes alone there is nothing to fuse.
        self.trunk = Dense(sum(widths), (max(widths),) if others else (), activation="relu")  # type: ignore[type-var, arg-type]
        self.head = linear(self.trunk.width, outputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        answers: Tensor = self.head(self.dropout(self.features(inputs)))
        return answers

    def features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows, width): what the head sees."""
        found = [self.norm(self.reading.encode(inputs))]
        for name, encoder in zip(self.names, self.encoders, strict=True):
            found.append(encoder(inputs[name], inputs.get(name + LENGTHS)))
        answers: Tensor = self.trunk(torch.cat(found, dim=1))
        return answers
