"""Recurrent layers as single ONNX nodes. torch is imported here, so this module is imported when a network is exported.

torch's exporter writes Elman's layers out step by step, for one length; of LSTM and GRU it does so from the second
export in a process on (torch 2.13). A node for all steps is smaller, faster, and right for every length.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from luban.protocols import NoGraph

_OPERATORS = {nn.RNN: "RNN", nn.LSTM: "LSTM", nn.GRU: "GRU"}
_GATES = {"RNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
"""The place among torch's gates of each of ONNX's: input, output, forget, cell; update, reset, new."""


def drawn(module: nn.Module) -> nn.Module:
    """The module, in which each recurrent layer is replaced by one that is drawn as a node; it can only be exported.

    Raises NoGraph for layers that are stacked or bidirectional within themselves, or that have other cells.
    """
    for name, child in module.named_children():
        setattr(module, name, _Node(child) if isinstance(child, nn.RNNBase) else drawn(child))
    return module


@final
class _Node(nn.Module):
    """(rows, length, units) from (rows, length, inputs), and no last state: whoever needs it takes the last of them."""

    weights: Tensor
    states: Tensor
    bias: Tensor

    def __init__(self, layer: Any) -> None:
        super().__init__()
        odd = layer.num_layers != 1 or layer.bidirectional or not layer.bias or not layer.batch_first
        if odd or type(layer) not in _OPERATORS or getattr(layer, "nonlinearity", "tanh") != "tanh" or layer.proj_size:
            raise NoGraph("only single recurrent layers with biases are exported, in one direction, the rows first")
        self.operator, self.units = _OPERATORS[type(layer)], layer.hidden_size
        with torch.no_grad():
            self.register_buffer("weights", self._ordered(layer.weight_ih_l0)[None])
            self.register_buffer("states", self._ordered(layer.weight_hh_l0)[None])
            biases = [self._ordered(layer.bias_ih_l0), self._ordered(layer.bias_hh_l0)]
            self.register_buffer("bias", torch.cat(biases)[None])

    def forward(self, steps: Tensor, first: Any = None) -> tuple[Tensor, None]:
        if first is not None:
            raise NoGraph("recurrent layers that begin with a state of their own are not exported")
        rows, length, _ = steps.shape
        attributes: dict[str, Any] = {"hidden_size": self.units}
        if self.operator == "GRU":
            attributes["linear_before_reset"] = 1  # the reset gate weighs U h + c, as torch has it
        found = torch.onnx.ops.symbolic(
            self.operator,
            (steps.transpose(0, 1), self.weights, self.states, self.bias),
            attributes,
            dtype=steps.dtype,
            shape=(length, 1, rows, self.units),
        )
        return found.squeeze(1).transpose(0, 1), None

    def _ordered(self, gates: Tensor) -> Tensor:
        parts = gates.split(self.units)
        return torch.cat([parts[place] for place in _GATES[self.operator]])
