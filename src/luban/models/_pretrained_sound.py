"""The torch module around a pretrained encoder of sounds: log-mel frames in, one vector for each sound out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._layers import own_steps, summarised
from luban.origins import configs

DEEP, NOTHING = 2.0, -1.5
"""How far below the loudest number of a sound silence lies, and below which none does, as its frames are scaled."""


@final
class PretrainedSound(nn.Module):
    """(rows, width) of sounds (rows, frames, bands): one vector for each, made of its states.

    config: as `origins.sounds` has it. summary: `mean` of the last states, or `layers`, the mean of all states from the
    convolutions up, each normalised. silence: frames of it that are heard behind each sound, and no part of the mean.
    dropout: the share of a vector that is left out in training.

    The encoder learned from windows of 30 seconds, which are silent behind a sound. Here it reads no more than is asked
    for, and so much of its table of positions (decision 0047).
    """

    def __init__(self, config: Mapping[str, Any], summary: str, *, silence: int, dropout: float) -> None:
        super().__init__()
        self.summary, self.silence = summary, silence
        self.body: Any = configs.body(config)
        self.body.embed_positions = Positions(self.body.embed_positions.weight)
        self.dropout = nn.Dropout(dropout)
        self.width = int(config["d_model"])

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        layers, steps = self._read(values, lengths)
        if self.summary == "layers":
            normal = [functional.layer_norm(states, states.shape[-1:]) for states in layers]
            vector = summarised(torch.stack(normal).mean(dim=0), steps, "mean")
        else:
            vector = summarised(layers[-1], steps, "mean")
        kept: Tensor = self.dropout(vector)
        return kept

    def _read(self, values: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """(rows, steps, width) after the convolutions and after each block, and (rows,) how many steps are a row's own.

        Behind a row are `silence` frames of silence, and behind these nothing: the convolutions find zeros there, as
        they do behind a window, and the blocks do not look there.
        """
        filled = functional.pad(values, (0, 0, 0, self.silence))
        own = own_steps(lengths, filled.shape[1])[:, :, None]
        loudest = filled.masked_fill(~own, NOTHING).amax(dim=(1, 2), keepdim=True)
        whole = torch.where(own, filled, (loudest - DEEP).clamp(min=NOTHING)).transpose(1, 2)
        window = own_steps(lengths + self.silence, filled.shape[1])[:, None, :].to(whole.dtype)
        waves = functional.gelu(self.body.conv1(whole * window)) * window
        states = functional.gelu(self.body.conv2(waves)).transpose(1, 2)
        steps = (lengths + 1) // 2
        states = states + self.body.embed_positions.weight[: states.shape[1]]
        there = own_steps((lengths + self.silence + 1) // 2, states.shape[1])
        mask = there[:, None, None, :].expand(-1, 1, states.shape[1], -1)
        layers = [states]
        for block in self.body.layers:
            layers.append(block(layers[-1], mask))
        layers[-1] = self.body.layer_norm(layers[-1])
        return layers, steps


@final
class Positions(nn.Module):
    """The table of positions, as it is: waves of several lengths, which no training of Whisper ever changed.

    weight: (positions, width).
    """

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach())
