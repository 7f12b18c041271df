"""The torch module of a masked language model: the loss of blocks of packed documents with hidden tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.batch import Array
from luban.models._filling import Filling
from luban.models.bert import modern
from luban.origins import configs


@final
class MaskedLanguageModel(Filling):
    """forward(inputs): (rows, 1) the mean of -log p over the chosen tokens of each block.

    inputs: the part `<name>`, (rows, steps) tokens. Which are chosen is drawn anew at each step of a training; where it
    answers, the draw is the same each time, and all that are chosen are masked.
    config: as `config.json` has it. share: of the tokens that are chosen. begins: (vocabulary,) which tokens begin a
    word, where words are chosen whole. between: share of the blocks in which every second token is chosen, or word,
    while it trains.
    """

    def __init__(
        self, name: str, config: Mapping[str, Any], share: float, begins: Array | None = None, *, between: float = 0.0
    ) -> None:
        super().__init__(name, int(config["vocab_size"]), share, begins, between=between)
        width = int(config["hidden_size"])
        self.body = configs.body(config)
        self.classic = classic = config["model_type"] == "bert"
        if not classic:
            modern.begin(self.body)
        self.dense = nn.Linear(width, width, bias=classic)
        self.norm = nn.LayerNorm(width, eps=1e-12 if classic else 1e-5, bias=classic)
        self.bias = nn.Parameter(torch.zeros(self.vocabulary))

    def states(self, tokens: Tensor, own: Tensor | None = None) -> Tensor:
        """(rows, steps, width) of each step, which sees all of its own document. own: which steps are no padding."""
        mask = self.mask(tokens, own)
        if not self.classic:
            return modern.states(self.body, tokens, mask)
        found: Tensor = self.body(input_ids=tokens, attention_mask=mask).last_hidden_state
        return found

    def states_of(self, tokens: Tensor, own: Tensor | None, chosen: Tensor) -> Tensor:
        if self.classic:
            return self.states(tokens, own)[chosen]
        return modern.states(self.body, tokens, self.mask(tokens, own), chosen)

    def said(self, states: Tensor) -> Tensor:
        found: Tensor = self.norm(functional.gelu(self.dense(states)))
        return found

    @property
    def embedding(self) -> nn.Parameter:
        """(vocabulary, width) the vectors of tokens, by which they are read and said."""
        weight: nn.Parameter = self.body.get_input_embeddings().weight
        return weight
