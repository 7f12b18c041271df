"""Copying: a token that was read can be written as it stands, names and numbers above all."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._layers import linear
from luban.models.encoder_decoder.states import States


@final
class Copying(nn.Module):
    """z[x_i] + (Q s)' (K [h_i, h_(i-1)] + b) / sqrt(width) for every token x_i that was read; s is the decoder's state.

    After CopyNet (Gu et al., 2016), which adds up two softmaxes; here the scores are part of the raw outputs, so there
    is one. h_i is the state of x_i; by the one before it a decoder goes on where it is: behind what it just wrote. Q
    begins at 0: at first nothing is copied.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = linear(width, width, bias=False), linear(2 * width, width)
        nn.init.zeros_(self.query.weight)

    def keys(self, memory: Tensor) -> Tensor:
        """(rows, length, width) by which the tokens that were read are found."""
        found: Tensor = self.key(torch.cat([memory, functional.pad(memory, (0, 0, 1, -1))], dim=2))
        return found

    def forward(self, outputs: Tensor, steps: Tensor, states: States) -> Tensor:
        """(rows, steps, vocabulary). outputs: the same, before. steps: (rows, steps, width) of the decoder."""
        assert states.tokens is not None, "what was read is in the tokens that are written"
        assert states.keys is not None, "... and its keys were kept"
        scores = self.query(steps) @ states.keys.transpose(1, 2) * steps.shape[2] ** -0.5
        scores = torch.where(states.own[:, None, :], scores, 0.0).to(outputs.dtype)
        return outputs.scatter_add(2, states.tokens[:, None, :].expand(-1, steps.shape[1], -1), scores)
