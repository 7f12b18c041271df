"""The encoder of an image by attention between its patches."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._attention import Block, Places
from luban.models._layers import Standardise, initialised
from luban.protocols import Shape

PATCHES = 8
"""Along the longer side, where nothing is said."""


@final
class PatchAttention(nn.Module):
    """(rows, width) of images (rows, channels, height, width); sides that are no multiple of a patch are filled up."""

    def __init__(
        self, shape: Shape, *, width: int, layers: int, heads: int, dropout: float, patch: int | None, summary: str
    ) -> None:
        super().__init__()
        channels, *sides = shape.size
        size = patch or -(-max(sides) // PATCHES)
        counts = [-(-side // size) for side in sides]
        self.width, self.summary = width, summary
        self.fill = (0, counts[1] * size - sides[1], 0, counts[0] * size - sides[0])
        self.standardise = Standardise(shape, after=2)
        # A convolution whose steps are as wide as its kernel projects each patch by itself.
        self.project = initialised(nn.Conv2d(channels, width, size, stride=size), "none")
        self.token = nn.Parameter(torch.zeros(1, 1, width)) if summary == "class" else None
        self.places = Places(counts[0] * counts[1] + (summary == "class"), width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout=dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        patches = self.project(functional.pad(self.standardise(values), self.fill)).flatten(2).transpose(1, 2)
        if self.token is not None:
            patches = torch.cat([self.token.expand(patches.shape[0], -1, -1), patches], dim=1)
        states = self.dropout(self.places(patches))
        for block in self.blocks:
            states = block(states)
        answers: Tensor = self.norm(states[:, 0] if self.token is not None else states.mean(dim=1))
        return answers
