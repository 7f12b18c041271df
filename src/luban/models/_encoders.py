"""The usual encoder of each kind of data, for the parts of a row that an architecture does not take itself."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from luban.models._convolution import Convolutions, encoder
from luban.models._dense import Dense
from luban.models._layers import Steps, own_steps, summarised
from luban.protocols import Shape


def usual(shape: Shape) -> nn.Module:
    """A small encoder: `forward(values, lengths)` gives (rows, width), with `width` as its attribute.

    Numbers go through a layer of 64 units, tokens become the mean of their embeddings, images and sequences go through
    two convolutions.
    """
    if shape.kind == "vector":
        return Dense(shape.size[0], (64,), activation="relu")
    if shape.kind in ("tokens", "words"):
        return MeanOfEmbeddings(shape, 64)
    return encoder(shape, Convolutions((16, 32) if shape.kind == "image" else (32, 64), units=(64,)))


@final
class MeanOfEmbeddings(nn.Module):
    """(rows, width): the mean of the embeddings of a row's tokens (Iyyer et al., 2015)."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.steps = Steps(shape, width)
        self.width = self.steps.width

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        return summarised(self.steps(values, own_steps(lengths, values.shape[1])), lengths, "mean")
