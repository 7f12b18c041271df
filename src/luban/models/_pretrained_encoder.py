"""The torch module around a pretrained body: luban's tokens in, one vector for each text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._layers import own_steps, summarised
from luban.origins import configs

MARKS = 5
"""Luban's own tokens stand before those of a tokenizer that was given."""
END = 3
"""The mark behind each text."""


@final
class PretrainedEncoder(nn.Module):
    """(rows, width) of tokens (rows, length): the mean of the states of each text, or the state of its first mark.

    config: as `origins.configs` has it. marks: what stands for the five marks among the body's own numbers.
    unit: whether each vector is brought to length 1. dropout: the share of it that is left out in training.
    pairs: whether two texts are read in a row, so that a body that knows of segments is told which is which.
    """

    marks: Tensor

    def __init__(
        self,
        config: Mapping[str, Any],
        marks: tuple[int, ...],
        summary: str,
        *,
        unit: bool,
        dropout: float,
        pairs: bool = False,
    ) -> None:
        super().__init__()
        self.summary, self.unit = summary, unit
        self.pairs = pairs and int(config.get("type_vocab_size") or 0) > 1
        self.dropout = nn.Dropout(dropout)
        self.body = configs.body(config)
        self.register_buffer("marks", torch.tensor(marks, dtype=torch.int64))
        self.width = int(self.body.config.hidden_size)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        states = self.states(values, lengths)
        vector = states[:, 0] if self.summary == "first" else summarised(states, lengths, self.summary)
        kept: Tensor = self.dropout(functional.normalize(vector, dim=1) if self.unit else vector)
        return kept

    def states(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(rows, length, width) of each step; 0 behind the end of a row."""
        own = own_steps(lengths, values.shape[1])
        numbers = values.long()
        numbers = torch.where(numbers < MARKS, self.marks[numbers.clamp(max=MARKS - 1)], numbers - MARKS)
        told: dict[str, Tensor] = {}
        if self.pairs:
            ends = (values == END).long()
            told["token_type_ids"] = ((ends.cumsum(dim=1) - ends) > 0).long()
        states: Tensor = self.body(input_ids=numbers, attention_mask=own.long(), **told).last_hidden_state
        return states * own[:, :, None].to(states.dtype)
