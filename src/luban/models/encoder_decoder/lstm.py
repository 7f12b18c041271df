"""The pair of LSTMs: the decoder begins where the encoder ended, and looks at all of its states."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._layers import Steps, embedding, linear, own_steps, summarised
from luban.models._recurrent import recurrence
from luban.models.encoder_decoder.states import States
from luban.protocols import Shape


@final
class RecurrentPair(nn.Module):
    """s_t = decoder(y_t, s_(t-1)); c_t = sum over i of softmax(s_t . h_i) h_i; z_t = W' tanh(V [c_t, s_t] + b).

    h_i: the encoder's states. The decoder's first state is the encoder's last, (Luong et al., 2015).
    """

    def __init__(self, shape: Shape, vocabulary: int, settings: Any) -> None:
        super().__init__()
        width = settings.width
        self.steps = Steps(shape, width)
        inputs = [self.steps.width, *[width] * (settings.layers - 1)]
        self.encoders = nn.ModuleList(recurrence("lstm", size, width) for size in inputs)
        self.words = embedding(vocabulary, width)
        self.decoders = nn.ModuleList(recurrence("lstm", width, width) for _ in range(settings.layers))
        self.combine = linear(2 * width, width, "tanh")
        self.dropout = nn.Dropout(settings.dropout)

    def encode(self, values: Tensor, lengths: Tensor) -> States:
        own = own_steps(lengths, values.shape[1])
        states = self.steps(values, own)
        for layer in self.encoders:
            states = layer(self.dropout(states))[0]
        return States(states * own[:, :, None].to(states.dtype), own)

    def decode(self, states: States, target: Tensor, *, last: bool = False) -> Tensor:
        first = summarised(states.memory, states.own.sum(dim=1), "last")[None]
        steps = self.words(target)
        for layer in self.decoders:
            steps = layer(self.dropout(steps), (first, torch.zeros_like(first)))[0]
        steps = steps[:, -1:] if last else steps
        likeness = steps @ states.memory.transpose(1, 2)
        looked = likeness.masked_fill(~states.own[:, None, :], torch.finfo(likeness.dtype).min).softmax(dim=2)
        both = torch.cat([looked @ states.memory, steps], dim=2)
        return functional.linear(self.dropout(self.combine(both).tanh()), self.words.weight)
