"""The torch module of a pretrained language model that goes on learning from raw text: the loss of blocks of packed
documents, in the tokens that it had before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from luban.models import _adapters, _convolved
from luban.models._blocks import START, looked_back, nats, numbers_of, of_rows, places
from luban.models.pretrained_causal.speaking import Speaking


@final
class ContinuingModel(Speaking):
    """forward(inputs): (rows, 1) the mean of -log p over the tokens of each block that follow another one.

    inputs: the part `<name>`, (rows, steps + 1) tokens as luban numbers them. What begins a document is not predicted
    from the one before. parts: the numbers of the body's own tokens that begin and end a document.
    """

    def __init__(
        self, name: str, config: Mapping[str, Any], parts: tuple[int, int], how: _adapters.How | None, where: str
    ) -> None:
        super().__init__(name, config, how, where)
        self.convolved = config["model_type"] == "lfm2"
        # Of the five marks texts hold only what begins and ends them.
        self._marks = torch.tensor([parts[1], parts[1], *parts, parts[1]])

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        tokens = inputs[self.name].long()
        wanted = tokens[:, 1:]
        own = wanted != START
        return of_rows(nats(self.states(tokens[:, :-1])[own], self.words(), self._numbers(wanted[own])), own)

    def states(self, tokens: Tensor) -> Tensor:
        """(rows, steps, width) of each step, which sees the steps before it in its own document."""
        numbers = self._numbers(tokens)
        if self.convolved:
            return _convolved.states(self.body, tokens, numbers=numbers)
        found: Tensor = self.body(
            input_ids=numbers, attention_mask=looked_back(tokens), position_ids=places(tokens), use_cache=False
        ).last_hidden_state
        return found

    def scores(self, tokens: Tensor, own: Tensor) -> Tensor:
        """-log p of the own tokens behind the first of a row. tokens: (rows, steps + 1). own: (rows, steps) bool."""
        return nats(self.states(tokens[:, :-1])[own], self.words(), self._numbers(tokens[:, 1:][own]))

    def _numbers(self, tokens: Tensor) -> Tensor:
        """The body's own numbers of tokens."""
        return numbers_of(tokens, self._marks.to(tokens.device))
