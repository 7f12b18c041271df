"""The torch module of a causal language model: the loss of blocks of packed documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor, nn

from luban.models import _convolved as convolved
from luban.models._blocks import START, looked_back, nats, of_rows
from luban.origins import configs

DRAWN = 0.02
"""Of the weights of an output layer at the start."""


@final
class CausalLanguageModel(nn.Module):
    """forward(inputs): (rows, 1) the mean of -log p over the tokens of each block that follow another one.

    inputs: the part `<name>`, (rows, steps + 1) tokens. What begins a document is not predicted from the one before.
    config: as `config.json` has it. z_loss: how much the squared log of each softmax's sum weighs, while it trains.
    dropout: of what layers with convolutions add; other layers have it in their config.
    """

    def __init__(self, name: str, config: Mapping[str, Any], *, z_loss: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.name, self.z_loss, self.dropout = name, z_loss, dropout
        self.body = configs.fresh(config)
        self.convolved = config["model_type"] == "lfm2"
        if self.convolved:
            convolved.begin(self.body)
        self.head = None
        if not config["tie_word_embeddings"]:
            # A table like the embedding, which optimisers treat as one.
            self.head = nn.Embedding(config["vocab_size"], config["hidden_size"])
            nn.init.normal_(self.head.weight, std=DRAWN)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        tokens = inputs[self.name].long()
        wanted = tokens[:, 1:]
        own = wanted != START
        z_loss = self.z_loss if self.training else 0.0
        return of_rows(nats(self.states(tokens[:, :-1])[own], self._output, wanted[own], z_loss=z_loss), own)

    def states(self, tokens: Tensor) -> Tensor:
        """(rows, steps, width) of each step, which sees the steps before it in its own document."""
        if self.convolved:
            return convolved.states(self.body, tokens, self.dropout if self.training else 0.0)
        mask = looked_back(tokens)
        found: Tensor = self.body(input_ids=tokens, attention_mask=mask, use_cache=False).last_hidden_state
        return found

    def scores(self, tokens: Tensor, own: Tensor) -> Tensor:
        """-log p of the own tokens behind the first of a row. tokens: (rows, steps + 1). own: (rows, steps) bool."""
        return nats(self.states(tokens[:, :-1])[own], self._output, tokens[:, 1:][own])

    @property
    def _output(self) -> Tensor:
        weight: Tensor = (self.head or self.body.get_input_embeddings()).weight
        return weight
