"""The residual encoder, over the two axes of an image or over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast, final

from torch import Tensor, nn

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

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Blocks of each stage, by the number of layers with weights."""


@final
class ResidualBlock(nn.Module):
    """y = activation(shortcut(x) + norm(w_2 * activation(norm(w_1 * x)))).

    The shortcut is x itself, or norm(w_3 * x) with a kernel of 1 where the block halves the sides or widens.
    """

    def __init__(self, axes: int, inputs: int, outputs: int, stride: int, activation: str) -> None:
        super().__init__()
        self.first = convolution(axes, inputs, outputs, 3, activation, stride=stride, bias=False)
        self.first_norm = Normalise("batch", outputs, axes)
        self.second = convolution(axes, outputs, outputs, 3, activation, bias=False)
        self.second_norm = Normalise("batch", outputs, axes)
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else convolution(axes, inputs, outputs, 1, stride=stride, bias=False)
        self.shortcut_norm = None if same else Normalise("batch", outputs, axes)
        self.activation = ACTIVATIONS[activation]()
        self.stride = stride

    def forward(self, values: Tensor, own: Tensor | None = None) -> Tensor:
        """own: (rows, steps) boolean of the output, over time: what is no padding, which stays 0."""
        within = masked(self.activation(self.first_norm(self.first(values), own)), own)
        added = self.second_norm(self.second(within), own)
        if self.shortcut is not None and self.shortcut_norm is not None:
            values = self.shortcut_norm(self.shortcut(values), own)
        return masked(self.activation(values + added), own)


def masked(values: Tensor, own: Tensor | None) -> Tensor:
    """The values, 0 where they are padding."""
    return values if own is None else values * own[:, None, :].to(values.dtype)


@final
class ResidualEncoder(nn.Module):
    """(rows, width) of images, tokens or a sequence: a first convolution, four stages, and the mean over all places."""

    def __init__(
        self, shape: Shape, *, depth: int, width: int, activation: str, embedding: int, dropout: float
    ) -> None:
        super().__init__()
        self.axes = 2 if shape.kind == "image" else 1
        steps = Steps(shape, embedding) if self.axes == 1 else None
        self.read: nn.Module = steps or Standardise(shape, after=2)
        channels = steps.width if steps else shape.size[0]
        self.stem = convolution(self.axes, channels, width, 3, activation, bias=False)
        self.stem_norm = Normalise("batch", width, self.axes)
        self.activation = ACTIVATIONS[activation]()
        self.blocks, before = nn.ModuleList(), width
        for stage, count in enumerate(BLOCKS[depth]):
            for block in range(count):
                stride = 2 if stage and not block else 1
                self.blocks.append(ResidualBlock(self.axes, before, width * 2**stage, stride, activation))
                before = width * 2**stage
        self.width = before
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None:
            maps = self.activation(self.stem_norm(channels_last(self.stem(self.read(values)))))
            for block in self.blocks:
                maps = block(maps)
            return self.dropout(maps.mean(dim=(2, 3)))
        own = own_steps(lengths, values.shape[1])
        steps = self.read(values, own).transpose(1, 2)
        steps = masked(self.activation(self.stem_norm(self.stem(steps), own)), own)
        for block in cast("Iterable[ResidualBlock]", self.blocks):
            lengths = (lengths + block.stride - 1) // block.stride
            own = own_steps(lengths, (steps.shape[2] + block.stride - 1) // block.stride)
            steps = block(steps, own)
        return self.dropout(summarised(steps.transpose(1, 2), lengths, "mean"))
