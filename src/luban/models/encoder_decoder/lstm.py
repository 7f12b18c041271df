"""The pair of LSTMs: the decoder begins where the encoder ended, and looks at all of its states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._layers import Steps, embedding, linear, own_steps, summarised
from luban.models._recurrent import recurrence
from luban.models.encoder_decoder.copying import Copying
from luban.models.encoder_decoder.states import States
from luban.protocols import Shape


@final
class RecurrentPair(nn.Module):
    """s_t = decoder(y_t, s_(t-1)); c_t = sum over i of softmax(s_t . h_i) h_i; z_t = W' tanh(V [c_t, s_t] + b).

    h_i: the encoder's states. The decoder's first state is the encoder's last, (Luong et al., 2015).
    shared: what is read is in the tokens that are written: they have one embedding, and can be copied.
    """

    def __init__(self, shape: Shape, vocabulary: int, settings: Any, *, shared: bool) -> None:
        super().__init__()
        width = settings.width
        self.steps = Steps(shape, width)
        inputs = [self.steps.width, *[width] * (settings.layers - 1)]
        self.encoders = nn.ModuleList(recurrence("lstm", size, width) for size in inputs)
        self.words = None if shared else embedding(vocabulary, width)
        self.decoders = nn.ModuleList(recurrence("lstm", width, width) for _ in range(settings.layers))
        self.combine = linear(2 * width, width, "tanh")
        self.dropout = nn.Dropout(settings.dropout)
        self.copying = Copying(width) if shared else None

    def encode(self, values: Tensor, lengths: Tensor) -> States:
        own = own_steps(lengths, values.shape[1])
        states = self.steps(values, own)
        for layer in self.encoders:
            states = layer(self.dropout(states))[0]
        memory = states * own[:, :, None].to(states.dtype)
        if self.copying is None:
            return States(memory, own)
        return States(memory, own, values, self.copying.keys(memory))

    def decode(self, states: States, target: Tensor) -> Tensor:
        return self._run(states, target)[0]

    def next(self, states: States, token: Tensor) -> tuple[Tensor, States]:
        outputs, after = self._run(states, token[:, None])
        return outputs[:, 0], replace(states, before=after)

    def _run(self, states: States, target: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The outputs, and the states of every layer after the last step."""
        before = states.before or self._at_first(states)
        steps, after = functional.embedding(target, self._embedding), []
        for number, layer in enumerate(self.decoders):
            hidden, cell = before[2 * number : 2 * number + 2]
            steps, last = layer(self.dropout(steps), (hidden[None].contiguous(), cell[None].contiguous()))
            after += [part[0] for part in last]
        likeness = steps @ states.memory.transpose(1, 2)
        looked = likeness.masked_fill(~states.own[:, None, :], torch.finfo(likeness.dtype).min).softmax(dim=2)
        both = torch.cat([looked @ states.memory, steps], dim=2)
        combined = self.dropout(self.combine(both).tanh())
        outputs = functional.linear(combined, self._embedding)
        return outputs if self.copying is None else self.copying(outputs, combined, states), tuple(after)

    def _at_first(self, states: States) -> tuple[Tensor, ...]:
        first = summarised(states.memory, states.own.sum(dim=1), "last")
        return (first, torch.zeros_like(first)) * len(self.decoders)

    @property
    def _embedding(self) -> Tensor:
        words: Any = self.steps.read if self.words is None else self.words
        return words.weight
