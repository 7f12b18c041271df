"""Layers that several networks are made of: torch's where it has them, with the fresh weights that suit what follows.

Weights before ReLU, GELU and SiLU are drawn after He et al. (2015), variance 2 / inputs; before sigmoid, tanh or
nothing after Glorot and Bengio (2010), variance 2 / (inputs + outputs). Biases begin at 0.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.protocols import Shape

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
_RECTIFYING = ("relu", "gelu", "silu")


def linear(inputs: int, outputs: int, activation: str = "none", *, bias: bool = True) -> nn.Linear:
    """W x + b, before an activation."""
    layer: nn.Linear = initialised(nn.Linear(inputs, outputs, bias=bias), activation)
    return layer


def convolution(axes: int, inputs: int, outputs: int, kernel: int, activation: str = "none", **options: Any) -> Any:
    """y[o, p] = b[o] + sum over c, k of w[o, c, k] x[c, stride p + k - kernel // 2], over one or two axes.

    With stride 1 the output is as large as the input; outside of it x is 0. options: of torch's layer.
    """
    kind = nn.Conv1d if axes == 1 else nn.Conv2d
    return initialised(kind(inputs, outputs, kernel, padding=kernel // 2, **options), activation)


def initialised(layer: Any, activation: str) -> Any:
    """The layer with fresh weights that keep the variance through this activation."""
    if activation in _RECTIFYING:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def channels_last(maps: Tensor) -> Tensor:
    """The same maps with the channels of a place side by side in memory: a third less time for a small network."""
    return maps.contiguous(memory_format=torch.channels_last)


def own_steps(lengths: Tensor, length: int) -> Tensor:
    """(rows, length) boolean: the steps that are a row's own; the others are padding.

    >>> own_steps(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(length, device=lengths.device)[None, :] < lengths[:, None]


@final
class Standardise(nn.Module):
    """(x - center) / spread for each channel, as the shape says; the channel is `after` axes from the end."""

    center: Tensor
    spread: Tensor

    def __init__(self, shape: Shape, after: int) -> None:
        super().__init__()
        behind = (1,) * after
        # They are part of the shape, so they are not stored a second time among the weights.
        center, spread = torch.tensor(shape.center or (0.0,)), torch.tensor([s or 1.0 for s in shape.spread] or [1.0])
        self.register_buffer("center", center.reshape(-1, *behind), persistent=False)
        self.register_buffer("spread", spread.reshape(-1, *behind), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        return (values.to(self.center.dtype) - self.center) / self.spread


@final
class Normalise(nn.Module):
    """(x - mean) / sqrt(variance + 1e-5) * weight + bias, for each channel.

    `batch`: mean and variance of the channel over the rows, places and own steps of a batch, and their running means
    when it answers (Ioffe and Szegedy, 2015). `layer`: of each row by itself, over its channels (Ba et al., 2016); of
    images over their places too. `none`: x.

    axes: behind the channels: 0 for vectors, 1 for steps, 2 for images.
    """

    def __init__(self, kind: str, channels: int, axes: int) -> None:
        super().__init__()
        self.kind, self.axes = kind, axes
        norm: nn.Module = nn.Identity()
        if kind == "batch":
            norm = nn.BatchNorm2d(channels) if axes == 2 else nn.BatchNorm1d(channels)
        elif kind == "layer":
            norm = nn.GroupNorm(1, channels) if axes == 2 else nn.LayerNorm(channels)
        self.norm = norm

    def forward(self, values: Tensor, own: Tensor | None = None) -> Tensor:
        """own: (rows, steps) boolean, where some of the steps are padding; they do not count."""
        if self.kind == "layer" and self.axes == 1:
            normalised: Tensor = self.norm(values.transpose(1, 2)).transpose(1, 2)
            return normalised
        if self.kind != "batch" or not self.training:
            plain: Tensor = self.norm(values)
            return plain
        if own is None:
            return self._by_batch(values)
        steps = values.transpose(1, 2)
        return torch.zeros_like(steps).masked_scatter(own[:, :, None], self._by_batch(steps[own])).transpose(1, 2)

    def _by_batch(self, values: Tensor) -> Tensor:
        norm: Any = self.norm
        # One value has no variance: it is seen as when the network answers.
        if values.numel() == values.shape[1]:
            return functional.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        normalised: Tensor = norm(values)
        return normalised


@final
class Steps(nn.Module):
    """(rows, length, width) of a ragged part: tokens and words by an embedding, a series as it is, standardised.
    Padding is 0.

    The embedding has rows of norm about 1; that of token 0, which pads, is 0 and stays it.
    """

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.width = width if shape.kind in ("tokens", "words") else shape.size[0]
        if shape.kind == "words":
            self.read: nn.Module = SumOfVectors(shape.size[0], shape.size[1], width)
        elif shape.kind == "tokens":
            self.read = embedding(shape.size[0], width)
        else:
            self.read = Standardise(shape, after=0)

    def forward(self, values: Tensor, own: Tensor) -> Tensor:
        read: Tensor = self.read(values)
        return read * own[:, :, None].to(read.dtype)


@final
class SumOfVectors(nn.Module):
    """(rows, length, width): the sum of the vectors of a word and of its pieces, over the root of their number.

    numbers: of a step, of which the first is the word's own; tokens that stand behind them are not for it. While it
    trains, a word is taken for the unknown one, 1, in this share of its places, so that this one is learned too, and
    what its pieces say of a word.
    """

    FORGOTTEN = 0.05

    def __init__(self, vocabulary: int, numbers: int, width: int) -> None:
        super().__init__()
        self.table, self.numbers = embedding(vocabulary, width), numbers

    def forward(self, values: Tensor) -> Tensor:
        values = values[..., : self.numbers]
        if self.training:
            forgotten = torch.zeros_like(values, dtype=torch.bool)
            forgotten[..., 0] = (torch.rand(values.shape[:-1], device=values.device) < self.FORGOTTEN) & (
                values[..., 0] > 0
            )
            values = torch.where(forgotten, 1, values)
        vectors: Tensor = self.table(values).sum(dim=2)
        return vectors * self.numbers**-0.5


def embedding(vocabulary: int, width: int) -> nn.Embedding:
    """A vector of `width` numbers for each token; 0 for token 0, which pads."""
    table = nn.Embedding(vocabulary, width, padding_idx=0)
    nn.init.normal_(table.weight, std=width**-0.5)
    with torch.no_grad():
        table.weight[0].zero_()
    return table


def summarised(states: Tensor, lengths: Tensor, summary: str) -> Tensor:
    """(rows, width) from (rows, length, width): the mean, the largest, or the last of each row's own steps.

    >>> states = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> [summarised(states, torch.tensor([2]), how).item() for how in ("mean", "max", "last")]
    [2.0, 3.0, 3.0]
    """
    if summary == "last":
        last = (lengths - 1)[:, None, None].expand(-1, 1, states.shape[2])
        return states.gather(1, last).squeeze(1)
    own = own_steps(lengths, states.shape[1])[:, :, None]
    if summary == "max":
        return states.masked_fill(~own, torch.finfo(states.dtype).min).amax(dim=1)
    return (states * own.to(states.dtype)).sum(dim=1) / lengths[:, None].to(states.dtype)
