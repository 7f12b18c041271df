"""The torch module around a pretrained network of images: luban's pixels in, one vector for each image out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from luban.models._layers import Standardise
from luban.origins import configs
from luban.protocols import Shape


@final
class PretrainedImage(nn.Module):
    """(rows, width) of images (rows, 1 or 3, height, width) with pixels from 0 to 255.

    config: as `origins.pictures` has it. side: pixels of the longer side at which the body sees them.
    frozen: so many blocks from below keep the mean and spread of their normalisations, and the stem does;
    all of them do where statistics is `kept`. levels: whether the means of every stage are in a vector, as the body has
    it. dropout: the share of a vector that is left out in training.
    """

    down: Tensor
    across: Tensor

    def __init__(
        self,
        shape: Shape,
        config: Mapping[str, Any],
        side: int,
        *,
        levels: str,
        frozen: int,
        statistics: str,
        dropout: float,
    ) -> None:
        super().__init__()
        height, width = shape.size[1:]
        scale = side / max(height, width)
        sides = [max(round(each * scale), 1) for each in (height, width)]
        # They follow from the sizes, so they are not stored among the weights.
        self.register_buffer("down", resizing(height, sides[0]), persistent=False)
        self.register_buffer("across", resizing(width, sides[1]).T.contiguous(), persistent=False)
        self.standardise = Standardise(
            Shape("image", (3, *sides), center=tuple(config["center"]), spread=tuple(config["spread"])), after=2
        )
        self.body: Any = configs.body(config, levels=levels)
        self.dropout = nn.Dropout(dropout)
        self.width: int = self.body.width
        self.keeping = len(self.body.blocks) + 1 if statistics == "kept" else frozen
        # What the widest state of a row holds: whoever answers many rows at once counts with it.
        self.cells = max(stage[0] for stage in config["stages"]) * config["stem"] * sides[0] * sides[1] // 4

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        pixels = self.down @ values.to(self.down.dtype) @ self.across
        colors = pixels.expand(-1, 3, -1, -1)
        answers: Tensor = self.dropout(self.body(self.standardise(colors)))
        return answers

    def train(self, mode: bool = True) -> Self:
        """As torch has it, but that what is frozen goes on as when it answers."""
        super().train(mode)
        blocks = list(self.body.blocks)
        kept = [self.body.stem, *blocks[: self.keeping]] if self.keeping else []
        for part in (*kept, *([self.body.head] if self.keeping > len(blocks) else [])):
            part.eval()
        return self


def resizing(side: int, wanted: int) -> Tensor:
    """(wanted, side) float32: how much each pixel counts in each of those that are wanted, along one side.

    Bilinear, as pillow has it: pixels lie in the middle of their places, and where fewer are wanted each takes in all
    that it covers.

    >>> resizing(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    scale = side / wanted
    reach = max(scale, 1.0)
    middle = (torch.arange(wanted) + 0.5) * scale
    apart = (torch.arange(side)[None, :] + 0.5 - middle[:, None]).abs() / reach
    weights = (1.0 - apart).clamp(min=0.0)
    return weights / weights.sum(dim=1, keepdim=True)
