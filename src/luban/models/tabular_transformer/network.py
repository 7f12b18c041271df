"""The encoder of a vector by attention between its numbers."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from luban.models._attention import Block
from luban.protocols import Shape


@final
class NumberAttention(nn.Module):
    """(rows, width) of vectors (rows, numbers): what the answering token became.

    token_j = x_j w_j + b_j; the tokens and the answering one go through the blocks. A token needs no place: w_j and b_j
    tell which number it is.
    """

    def __init__(self, shape: Shape, *, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.empty(shape.size[0], width))
        self.bias = nn.Parameter(torch.empty(shape.size[0], width))
        self.token = nn.Parameter(torch.empty(1, 1, width))
        for tensor in (self.weight, self.bias, self.token):
            nn.init.uniform_(tensor, -(width**-0.5), width**-0.5)
        self.blocks = nn.ModuleList(Block(width, heads, dropout=dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        tokens = values[:, :, None] * self.weight + self.bias
        states = torch.cat([self.token.expand(values.shape[0], -1, -1), tokens], dim=1)
        for block in self.blocks:
            states = block(states)
        answers: Tensor = self.norm(states[:, 0])
        return answers
