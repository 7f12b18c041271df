"""Recurrent encoders of tokens and sequences, in one or both directions. The cells are torch's: Elman's, LSTM, GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn

from luban.models._fused import fused
from luban.models._layers import Steps, own_steps, summarised
from luban.models._recurrent_settings import TAKES, Settings
from luban.protocols import Shape, Work

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def network(cell: str, work: Work, settings: Settings) -> nn.Module:
    """The network for this work, whose texts and series are read by these cells."""
    return fused(work, TAKES, lambda shape: Recurrent(cell, shape, settings), settings.dropout)


@final
class Recurrent(nn.Module):
    """(rows, width) of tokens (rows, length) or of a sequence (rows, length, channels): a summary of the states.

    A layer in one direction is a recurrence over the steps, one in both has a second that reads each row from its own
    end, and their states side by side (Schuster and Paliwal, 1997). The state of a step never depends on padding.
    """

    def __init__(self, cell: str, shape: Shape, settings: Settings) -> None:
        super().__init__()
        self.steps = Steps(shape, settings.embedding)
        self.summary = settings.summary
        self.width = settings.units * (2 if settings.bidirectional else 1)
        inputs = [self.steps.width, *[self.width] * (settings.layers - 1)]
        self.onward = nn.ModuleList(recurrence(cell, size, settings.units) for size in inputs)
        self.from_end = nn.ModuleList(
            recurrence(cell, size, settings.units) for size in inputs if settings.bidirectional
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        states = self.states(values, lengths)
        if self.summary != "last" or not len(self.from_end):
            return self.dropout(summarised(states, lengths, self.summary))
        # The last state of what reads from the end is that of the first step.
        half = self.width // 2
        return self.dropout(torch.cat([summarised(states[:, :, :half], lengths, "last"), states[:, 0, half:]], dim=1))

    def states(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(rows, length, width) the hidden states of the uppermost layer; 0 behind the end of a row."""
        own = own_steps(lengths, values.shape[1])
        states = self.steps(values, own)
        places = turned(lengths, values.shape[1])
        for layer, onward in enumerate(self.onward):
            below = self.dropout(states) if layer else states
            states = onward(below)[0]
            if len(self.from_end):
                backwards = at(self.from_end[layer](at(below, places))[0], places)
                states = torch.cat([states, backwards], dim=2)
        return states * own[:, :, None].to(states.dtype)


def turned(lengths: Tensor, length: int) -> Tensor:
    """(rows, length) int64: the places that turn the own steps of each row around and leave its padding where it is.

    >>> turned(torch.tensor([2, 3]), 3).tolist()
    [[1, 0, 2], [2, 1, 0]]
    """
    places = torch.arange(length, device=lengths.device)[None, :]
    return torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)


def at(steps: Tensor, places: Tensor) -> Tensor:
    """(rows, length, width): of each row the steps at these places."""
    return steps.gather(1, places[:, :, None].expand(-1, -1, steps.shape[2]))


def recurrence(cell: str, inputs: int, units: int) -> Any:
    """One layer of cells in one direction.

    Weights of inputs are drawn after Glorot and Bengio (2010), those of states are orthogonal within each gate, so that
    a signal keeps its size over time (Saxe et al., 2014). Biases are 0, but 1 in all for the forget gate of an LSTM,
    which remembers to begin with (Jozefowicz et al., 2015).
    """
    layer: Any = CELLS[cell](inputs, units, batch_first=True)
    with torch.no_grad():
        for gate in layer.weight_ih_l0.split(units):
            nn.init.xavier_uniform_(gate)
        for gate in layer.weight_hh_l0.split(units):
            nn.init.orthogonal_(gate)
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()
        if cell == "lstm":
            layer.bias_ih_l0[units : 2 * units].fill_(1.0)
    return layer
