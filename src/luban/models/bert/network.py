"""The torch module of a masked language model: the loss of blocks of packed documents with hidden tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.batch import Array
from luban.models._blocks import MARKS, MASK, nats, of_rows, one_document, same_document
from luban.models.bert import modern
from luban.origins import configs

HIDDEN, OTHER = 0.8, 0.9
"""Below which draw a chosen token is masked, and below which another one stands in its place (Devlin et al., 2019)."""


@final
class MaskedLanguageModel(nn.Module):
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
        super().__init__()
        self.name, self.vocabulary = name, int(config["vocab_size"])
        self.share, self.between = share, between
        width = int(config["hidden_size"])
        self.body = configs.body(config)
        self.classic = classic = config["model_type"] == "bert"
        if not classic:
            modern.begin(self.body)
        self.dense = nn.Linear(width, width, bias=classic)
        self.norm = nn.LayerNorm(width, eps=1e-12 if classic else 1e-5, bias=classic)
        self.bias = nn.Parameter(torch.zeros(self.vocabulary))
        self._begins = None if begins is None else torch.from_numpy(begins)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        tokens = inputs[self.name].long()
        chosen = self.chosen(tokens)
        states = self._chosen(self.hidden(tokens, chosen), chosen)
        return of_rows(nats(self._head(states), self.embedding, tokens[chosen], self.bias), chosen)

    def chosen(self, tokens: Tensor) -> Tensor:
        """(rows, steps) which tokens are to be filled; never a mark."""
        words = tokens >= MARKS
        drawn = self._drawn(tokens, 0)
        places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        number = places
        if self._begins is not None:
            # A word begins where its token says so, or behind a mark; all of it goes by the draw of its first token.
            first = self._begins.to(tokens.device)[tokens] | ~words
            first[:, 1:] |= ~words[:, :-1]
            first[:, 0] = True
            drawn = drawn.gather(1, torch.where(first, places, 0).cummax(dim=1).values)
            number = first.cumsum(dim=1)
        found = drawn < self.share
        if self.training and self.between:
            rows = (len(tokens), 1)
            second = (number + torch.randint(2, rows, device=tokens.device)) % 2 == 0
            found = torch.where(torch.rand(rows, device=tokens.device) < self.between, second, found)
        return found & words

    def hidden(self, tokens: Tensor, chosen: Tensor) -> Tensor:
        """The tokens as the network sees them."""
        if not self.training:
            return tokens.masked_fill(chosen, MASK)
        drawn = self._drawn(tokens, 1)
        other = torch.randint(MARKS, self.vocabulary, tokens.shape, device=tokens.device)
        found = tokens.masked_fill(chosen & (drawn < HIDDEN), MASK)
        return torch.where(chosen & (drawn >= HIDDEN) & (drawn < OTHER), other, found)

    def _drawn(self, tokens: Tensor, seed: int) -> Tensor:
        if self.training:
            return torch.rand(tokens.shape, device=tokens.device)
        return torch.rand(tokens.shape, generator=torch.Generator().manual_seed(seed)).to(tokens.device)

    def states(self, tokens: Tensor, own: Tensor | None = None) -> Tensor:
        """(rows, steps, width) of each step, which sees all of its own document. own: which steps are no padding."""
        mask = self._mask(tokens, own)
        if not self.classic:
            return modern.states(self.body, tokens, mask)
        found: Tensor = self.body(input_ids=tokens, attention_mask=mask).last_hidden_state
        return found

    def _chosen(self, tokens: Tensor, chosen: Tensor, own: Tensor | None = None) -> Tensor:
        """(chosen, width) of the chosen steps alone."""
        if self.classic:
            return self.states(tokens, own)[chosen]
        return modern.states(self.body, tokens, self._mask(tokens, own), chosen)

    def _mask(self, tokens: Tensor, own: Tensor | None) -> Tensor | None:
        """(rows, 1, steps, steps) which steps may see which; None where all see all."""
        mask = None if one_document(tokens) else same_document(tokens)
        if own is None or bool(own.all()):
            return mask
        mask = own[:, None, None, :] if mask is None else mask & own[:, None, None, :]
        return mask.expand(-1, -1, tokens.shape[1], -1)

    def scores(self, tokens: Tensor, own: Tensor, chosen: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of what is wanted at each chosen step, and whether it is the likeliest token there.

        tokens: (rows, steps) with MASK where they are hidden. own: which are no padding. wanted: (chosen,).
        """
        outputs = functional.linear(self._head(self._chosen(tokens, chosen, own)), self.embedding, self.bias).float()
        return functional.cross_entropy(outputs, wanted, reduction="none"), outputs.argmax(dim=1) == wanted

    def _head(self, states: Tensor) -> Tensor:
        found: Tensor = self.norm(functional.gelu(self.dense(states)))
        return found

    @property
    def embedding(self) -> nn.Parameter:
        """(vocabulary, width) the vectors of tokens, by which they are read and said."""
        weight: nn.Parameter = self.body.get_input_embeddings().weight
        return weight
