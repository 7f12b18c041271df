"""Encoders by convolution: of images over two axes, of texts and series over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._dense import Dense
from luban.models._layers import (
    ACTIVATIONS,
    Normalise,
    Standardise,
    Steps,
    channels_last,
    convolution,
    own_steps,
    summarised,
)
from luban.protocols import Shape

LARGEST_SIDE = 7
"""Of the maps that go into fully connected layers; larger ones are averaged down, for those layers would be huge."""


@dataclass(frozen=True)
class Convolutions:
    """channels: of each layer. kernel: odd. pooling: `max` or `average`, by 2. units: fully connected, behind them.

    embedding: numbers of a token. dropout: behind the fully connected layers and before them.
    """

    channels: tuple[int, ...]
    kernel: int = 3
    pooling: str = "max"
    units: tuple[int, ...] = ()
    activation: str = "relu"
    normalisation: str = "batch"
    embedding: int = 64
    dropout: float = 0.0


def encoder(shape: Shape, asked: Convolutions) -> nn.Module:
    """The convolutional encoder of an image, or of tokens or a sequence."""
    return ImageConvolutions(shape, asked) if shape.kind == "image" else StepConvolutions(shape, asked)


@final
class ImageConvolutions(nn.Module):
    """(rows, width) of images (rows, channels, height, width): convolve, normalise, activate, pool; flatten; connect.

    x' = pool(activation(normalise(w * x + b))), where pool takes the largest or the mean of each 2 x 2 places
    (LeCun et al., 1998).
    """

    def __init__(self, shape: Shape, asked: Convolutions) -> None:
        super().__init__()
        channels, *sides = shape.size
        layers: list[nn.Module] = []
        for before, after in zip((channels, *asked.channels), asked.channels, strict=False):
            bias = asked.normalisation != "batch"  # which has a bias of its own
            layers += [convolution(2, before, after, asked.kernel, asked.activation, bias=bias)]
            layers += [Normalise(asked.normalisation, after, axes=2), ACTIVATIONS[asked.activation]()]
            window = [min(side, 2) for side in sides]
            if max(window) > 1:
                layers += [(nn.MaxPool2d if asked.pooling == "max" else nn.AvgPool2d)((window[0], window[1]))]
            sides = [side // step for side, step in zip(sides, window, strict=True)]
        shrink = [-(-side // LARGEST_SIDE) for side in sides]
        if max(shrink) > 1:
            layers += [nn.AvgPool2d((shrink[0], shrink[1]))]
        sides = [side // step for side, step in zip(sides, shrink, strict=True)]
        self.standardise = Standardise(shape, after=2)
        self.maps = nn.Sequential(*layers)
        self.dropout = nn.Dropout(asked.dropout)
        inputs = asked.channels[-1] * sides[0] * sides[1]
        self.connected = Dense(inputs, asked.units, activation=asked.activation, dropout=asked.dropout)
        self.width = self.connected.width

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        first, others = self.maps[0], self.maps[1:]
        maps = others(channels_last(first(self.standardise(values))))
        answers: Tensor = self.connected(self.dropout(maps.flatten(1)))
        return answers


@final
class StepConvolutions(nn.Module):
    """(rows, width) of tokens (rows, length) or of a sequence (rows, length, channels).

    x' = pool(activation(normalise(w * x + b))) over time, where pool takes the largest or the mean of two steps; then
    the mean and the largest of what is left of each row, side by side (Kim, 2014). Steps behind the end of a row are 0
    before each convolution, as they are behind the end of the longest row, so padding changes nothing.
    """

    def __init__(self, shape: Shape, asked: Convolutions) -> None:
        super().__init__()
        self.steps = Steps(shape, asked.embedding)
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        bias = asked.normalisation != "batch"
        for before, after in zip((self.steps.width, *asked.channels), asked.channels, strict=False):
            self.convolutions.append(convolution(1, before, after, asked.kernel, asked.activation, bias=bias))
            self.norms.append(Normalise(asked.normalisation, after, axes=1))
        self.activation = ACTIVATIONS[asked.activation]()
        self.pooling = asked.pooling
        self.dropout = nn.Dropout(asked.dropout)
        self.connected = Dense(2 * asked.channels[-1], asked.units, activation=asked.activation, dropout=asked.dropout)
        self.width = self.connected.width

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        own = own_steps(lengths, values.shape[1])
        steps = self.steps(values, own).transpose(1, 2)
        for convolve, normalise in zip(self.convolutions, self.norms, strict=True):
            steps = self.activation(normalise(convolve(steps), own))
            steps, lengths, own = pooled(steps, lengths, own, self.pooling)
        states = steps.transpose(1, 2)
        both = torch.cat([summarised(states, lengths, "mean"), summarised(states, lengths, "max")], dim=1)
        answers: Tensor = self.connected(self.dropout(both))
        return answers


def pooled(steps: Tensor, lengths: Tensor, own: Tensor, pooling: str) -> tuple[Tensor, Tensor, Tensor]:
    """Each two steps as one: (rows, channels, ceil(length / 2)), with padding 0, their lengths, and which are own.

    A last step without a partner stays as it is.

    >>> lengths = torch.tensor([3])
    >>> pooled(torch.tensor([[[5.0, -2.0, 4.0, 9.0]]]), lengths, own_steps(lengths, 4), "average")[0].tolist()
    [[[1.5, 4.0]]]
    """
    here = own[:, None, :]
    shorter = (lengths + 1) // 2
    if pooling == "max":
        lowest = torch.finfo(steps.dtype).min
        filled = functional.pad(steps.masked_fill(~here, lowest), (0, 1), value=lowest)
        # Over one axis torch's exporter fixes the length; over two, of which one is 1 long, it leaves it open.
        found = functional.max_pool2d(filled[:, :, None], (1, 2)).squeeze(2)
    else:
        weight = functional.avg_pool1d(functional.pad(here.to(steps.dtype), (0, 1)), 2)
        found = functional.avg_pool1d(functional.pad(steps * here.to(steps.dtype), (0, 1)), 2) / weight.clamp(min=0.5)
    kept = own_steps(shorter, found.shape[2])
    return found.masked_fill(~kept[:, None, :], 0.0), shorter, kept
