"""The torch module around a pretrained body: luban's tokens in, one vector for each text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.batch import Array
from luban.models import _first_alone, _lower_attention
from luban.models._blocks import MARKS, numbers_of
from luban.models._dropout import Dropout, cheaper
from luban.models._layers import own_steps, summarised
from luban.models._occurring import occurring
from luban.origins import configs

LONG = 256
"""Steps of a text from which attention is torch's in any training: luban's own keeps numbers of each pair."""
START, END = 2, 3
"""The marks before each text and behind it."""


@final
class PretrainedEncoder(nn.Module):
    """(rows, width) of tokens (rows, length): one vector for each text, made of its states.

    config: as `origins.configs` has it. marks: what stands for the five marks among the body's own numbers.
    summary: `mean` of the last states, `first` of them, or `layers`, the mean of all states from the embeddings up,
    each normalised, so that no layer is louder than another.
    unit: whether each vector is brought to length 1. dropout: the share of it that is left out in training; what the
    body leaves out of its states is as its config says. attention_dropout: see `configs.attending`.
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
        attention_dropout: float | None = None,
        pairs: bool = False,
    ) -> None:
        super().__init__()
        self.summary, self.unit = summary, unit
        self.pairs = pairs and int(config.get("type_vocab_size") or 0) > 1
        self.dropout = Dropout(dropout)
        self.body: Any = configs.body(configs.attending(config, attention_dropout))
        cheaper(self.body)
        if summary == "first":
            _first_alone.made_able(self.body)
        # How attention is taken otherwise, while it is taken by a way of luban's own.
        self._aside: str | None = None
        self.register_buffer("marks", torch.tensor(marks, dtype=torch.int64))
        self.width = int(self.body.config.hidden_size)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        vector = self._vector(values, lengths)
        kept: Tensor = self.dropout(functional.normalize(vector, dim=1) if self.unit else vector)
        return kept

    def narrow(self, numbers: Array) -> None:
        """Lets the embeddings of no other tokens learn than of these and of the marks. numbers: as it reads them."""
        marks = self.marks.numpy()
        own = np.concatenate([marks, numbers[numbers >= MARKS].astype(np.int64) - MARKS])
        self.body.set_input_embeddings(occurring(self.body.get_input_embeddings(), own))

    def _vector(self, values: Tensor, lengths: Tensor) -> Tensor:
        if self.summary == "layers":
            layers = self._read(values, lengths, output_hidden_states=True).hidden_states
            normal = [functional.layer_norm(states, states.shape[-1:]) for states in layers]
            return summarised(torch.stack(normal).mean(dim=0), lengths, "mean")
        if self.summary == "first":
            # As it stands, without the zeros behind the end: a graph then makes no other state of the last layer.
            first: Tensor = self._read(values, lengths, first_alone=self.training).last_hidden_state[:, 0]
            return first
        return summarised(self.states(values, lengths), lengths, self.summary)

    def states(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(rows, length, width) of each step; 0 behind the end of a row."""
        own = own_steps(lengths, values.shape[1])
        states: Tensor = self._read(values, lengths).last_hidden_state
        return states * own[:, :, None].to(states.dtype)

    def _read(self, values: Tensor, lengths: Tensor, *, first_alone: bool = False, **asked: bool) -> Any:
        """What the body says of tokens. first_alone: whether nothing but the first of its states has to be right, which
        it then may be alone. asked: what else of it is told.
        """
        self._choose_attention(values)
        _first_alone.choose(self.body, first_alone)
        own = own_steps(lengths, values.shape[1])
        numbers = numbers_of(values.long(), self.marks)
        told: dict[str, Any] = dict(asked)
        if self.pairs:
            ends = (values == END).long()
            told["token_type_ids"] = ((ends.cumsum(dim=1) - ends) > 0).long()
        return self.body(input_ids=numbers, attention_mask=own.long(), **told)

    def _choose_attention(self, values: Tensor) -> None:
        """Takes attention by a way of luban's own where it is learned in bfloat16 on a processor.

        It stays chosen until the next pass: layers that are calculated again in the backward pass must do as they did.
        """
        lower = self.training and values.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        steps, config = lower and values.shape[1] <= LONG, self.body.config
        if steps and self._aside is None:
            self._aside, config._attn_implementation = config._attn_implementation, _lower_attention.known()
        elif not steps and self._aside is not None:
            config._attn_implementation, self._aside = self._aside, None
