"""The torch module of a language model that learns to answer: the loss of the answers in chats, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from luban.features import chat
from luban.models import _adapters
from luban.models._blocks import nats, of_rows
from luban.models.pretrained_causal.speaking import Speaking


@final
class AnsweringModel(Speaking):
    """forward(inputs): (rows, 1) the mean of -log p over the tokens of each chat that the model is to say.

    prefers: whether rows are pairs of answers instead; then it gives the loss of direct preference optimisation, in
    which the model without its adapters is what it is compared with (Rafailov et al., 2023), weighed by beta.

    inputs: the part `<name>`, (rows, steps) numbers of tokens and of what they are, see `features/chat`.
    how: the adapters of its blocks; None for none. where: which matrices have one.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        vocabulary: int,
        how: _adapters.How | None,
        where: str,
        *,
        prefers: bool = False,
        beta: float = 0.1,
    ) -> None:
        super().__init__(name, config, how, where)
        self.vocabulary, self.prefers, self.beta = vocabulary, prefers, beta

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        if self.prefers:
            return self._preferred(inputs[self.name])
        each, own = self._nats(inputs[self.name])
        return of_rows(each, own)

    def sums(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows, 2) the sum of -log p over what the model is to say in each chat, and how many tokens that is; of pairs
        log p of the chosen answer, and of the rejected one.
        """
        if self.prefers:
            return -self._totals(pairs(inputs[self.name], self.vocabulary)).unflatten(0, (2, -1)).T
        each, own = self._nats(inputs[self.name])
        total = of_rows(each, own)[:, 0] * own.sum(dim=1)
        return torch.stack([total, own.sum(dim=1).to(total.dtype)], dim=1)

    def _preferred(self, numbers: Tensor) -> Tensor:
        """(rows, 1) the loss of pairs: -log sigmoid of beta times how much the margin grew."""
        both = pairs(numbers, self.vocabulary)
        chosen, rejected = self._totals(both).chunk(2)
        with torch.no_grad(), _adapters.without(self.body):
            before, beside = self._totals(both).chunk(2)
        grown = (rejected - chosen) - (beside - before)
        return -functional.logsigmoid(self.beta * grown)[:, None]

    def _totals(self, numbers: Tensor) -> Tensor:
        """(rows,) the sum of -log p over what the model is to say."""
        each, own = self._nats(numbers)
        return torch.zeros(own.shape, dtype=each.dtype, device=each.device).masked_scatter(own, each).sum(dim=1)

    def _nats(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of each token that the model is to say, and (rows, steps - 1) which of those behind the first it is.

        What pads stands behind a chat, and no step sees what follows it.
        """
        numbers = numbers.long()
        tokens, kinds = chat.apart(numbers.clamp(min=1), self.vocabulary)
        own = (kinds == chat.SAID)[:, 1:] & (numbers[:, 1:] > 0)
        states = self.body(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
        return nats(states[own], self.words(), tokens[:, 1:][own]), own


def pairs(numbers: Tensor, vocabulary: int) -> Tensor:
    """(2 * rows, longest) the first text of each row, then the second of each, both as single chats are.

    >>> row = [chat.number(7, kind, 100) for kind in (chat.ASKED, chat.SAID, chat.ASKED_AGAIN, chat.SAID_AGAIN)]
    >>> pairs(torch.tensor([row[:2] + row[2:] + row[3:]]), 100).tolist()
    [[8, 108, 0], [8, 108, 108]]
    """
    numbers = numbers.long()
    again = numbers > chat.ASKED_AGAIN * vocabulary
    texts = [(numbers > 0) & ~again, again]
    longest = int(torch.stack(texts).sum(dim=2).max())
    found = []
    for own in texts:
        lengths = own.sum(dim=1)
        places = torch.arange(longest, device=numbers.device)[None, :] < lengths[:, None]
        found.append(torch.zeros(places.shape, dtype=numbers.dtype, device=numbers.device))
        found[-1][places] = numbers[own]
    found[1] = torch.where(found[1] > 0, found[1] - chat.ASKED_AGAIN * vocabulary, 0)
    return torch.cat(found)
