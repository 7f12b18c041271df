"""The torch module of a network that fills hidden tokens: which are chosen, how they are hidden, what a block costs.

What makes states of tokens, and what says a token from a state, is the architecture's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.batch import Array
from luban.models._blocks import MARKS, MASK, nats, of_rows, one_document, same_document

HIDDEN, OTHER = 0.8, 0.9
"""Below which draw a chosen token is masked, and below which another one stands in its place (Devlin et al., 2019)."""


class Filling(nn.Module, ABC):
    """Abstract. forward(inputs): (rows, 1) the mean of -log p over the chosen tokens of each block.

    inputs: the part `<name>`, (rows, steps) tokens. Which are chosen is drawn anew at each step of a training; where it
    answers, the draw is the same each time, and all that are chosen are masked.
    vocabulary: how many tokens there are. share: of the tokens that are chosen. begins: (vocabulary,) which tokens
    begin a word, where words are chosen whole. between: share of the blocks in which every second token is chosen, or
    word, while it trains.
    """

    bias: nn.Parameter

    def __init__(
        self, name: str, vocabulary: int, share: float, begins: Array | None = None, *, between: float = 0.0
    ) -> None:
        super().__init__()
        self.name, self.vocabulary = name, vocabulary
        self.share, self.between = share, between
        self._begins = None if begins is None else torch.from_numpy(begins)

    @abstractmethod
    def states_of(self, tokens: Tensor, own: Tensor | None, chosen: Tensor) -> Tensor:
        """(chosen, width) of the chosen steps alone. own: which steps are no padding."""

    @abstractmethod
    def said(self, states: Tensor) -> Tensor:
        """(chosen, width) what is compared with the vectors of tokens."""

    @property
    @abstractmethod
    def embedding(self) -> nn.Parameter:
        """(vocabulary, width) the vectors of tokens, by which they are read and said."""

    def numbers(self, tokens: Tensor) -> Tensor:
        """Which vector is that of each token."""
        return tokens

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        tokens = inputs[self.name].long()
        chosen = self.chosen(tokens)
        states = self.states_of(self.hidden(tokens, chosen), None, chosen)
        wanted = self.numbers(tokens[chosen])
        return of_rows(nats(self.said(states), self.embedding, wanted, self.bias), chosen)

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

    def scores(self, tokens: Tensor, own: Tensor, chosen: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of what is wanted at each chosen step, and whether it is the likeliest token there.

        tokens: (rows, steps) with MASK where they are hidden. own: which are no padding. wanted: (chosen,).
        """
        outputs = functional.linear(self.said(self.states_of(tokens, own, chosen)), self.embedding, self.bias).float()
        numbers = self.numbers(wanted)
        return functional.cross_entropy(outputs, numbers, reduction="none"), outputs.argmax(dim=1) == numbers

    def mask(self, tokens: Tensor, own: Tensor | None) -> Tensor | None:
        """(rows, 1, steps, steps) which steps may see which; None where all see all."""
        mask = None if one_document(tokens) else same_document(tokens)
        if own is None or bool(own.all()):
            return mask
        mask = own[:, None, None, :] if mask is None else mask & own[:, None, None, :]
        return mask.expand(-1, -1, tokens.shape[1], -1)
