"""The torch module that reads for a decoder of another width: the states of a pretrained encoder, brought to it."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from luban.models._layers import linear, own_steps
from luban.models._pretrained_encoder import PretrainedEncoder


@final
class Reading(nn.Module):
    """(rows, length, width): W norm(h_i) + b of the state h_i of each step; 0 behind the end of a row."""

    def __init__(self, encoder: PretrainedEncoder, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.norm = nn.LayerNorm(encoder.width)
        self.project = linear(encoder.width, width)

    def states(self, values: Tensor, lengths: Tensor) -> Tensor:
        found: Tensor = self.project(self.norm(self.encoder.states(values, lengths)))
        return found * own_steps(lengths, values.shape[1])[:, :, None].to(found.dtype)
