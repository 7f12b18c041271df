"""The torch module of a language model that learns to answer: the loss of the answers in chats, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.features import chat
from luban.models import _adapters
from luban.models._blocks import nats, of_rows
from luban.origins import configs


@final
class AnsweringModel(nn.Module):
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
        super().__init__()
        self.name, self.vocabulary = name, vocabulary
        self.prefers, self.beta, self.how = prefers, beta, how
        self.body = configs.fresh(config)
        tied = self.body.config.tie_word_embeddings
        embedding = self.body.get_input_embeddings().weight
        self.head = None if tied else nn.Linear(embedding.shape[1], embedding.shape[0], bias=False)
        if how is not None:
            _adapters.adapt(self.body, how, lambda path: where == "all" or "attn" in path)

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

    def goes_on(self, first: Tensor, never: Sequence[int], draw: torch.Generator) -> Iterator[Tensor]:
        """What it writes itself, drawn from all it thinks possible: the token that follows each text, step by step.

        first: (texts,) the token that each begins with. never: tokens that are not written.
        """
        from transformers import DynamicCache

        kept, asked = DynamicCache(config=self.body.config), first[:, None]
        while True:
            with torch.inference_mode():
                states = self.body(input_ids=asked, cache=kept, use_cache=True).last_hidden_state
                logits = functional.linear(states[:, -1], self._words()).float()
                logits[:, list(never)] = -torch.inf
                asked = torch.multinomial(logits.softmax(dim=1), 1, generator=draw)
            yield asked[:, 0]

    def _words(self) -> Tensor:
        """(tokens, width) what a state is compared with."""
        found: Tensor = self.body.get_input_embeddings().weight if self.head is None else self.head.weight
        return found

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

    def take(self, load: Callable[[], nn.Module]) -> None:
        """Goes on from the weights of a network of `transformers`, whose memory it takes over.

        load: reads that network; what was drawn here is given back before, so that there is room for one of both.
        """
        own = {name: weight for name, weight in self.named_parameters() if not _adapters.learns(name)}
        for weight in own.values():
            weight.data = torch.empty(0)
        network: Any = load()
        theirs = dict(getattr(network, network.base_model_prefix).named_parameters())
        for name, weight in own.items():
            inside = name.removeprefix("body.")
            weight.data = (theirs[inside] if inside in theirs else network.get_output_embeddings().weight).data
        _adapters.begun(self.body)
        if self.how is not None and self.how.eight_bits:
            # The file that was mapped goes, and with it all that was read of it.
            del theirs, network
            for weight in self.parameters():
                weight.data = weight.data.clone()

    def _nats(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of each token that the model is to say, and (rows, steps - 1) which of those behind the first it is.

        What pads stands behind a chat, and no step sees what follows it.
        """
        numbers = numbers.long()
        tokens, kinds = chat.apart(numbers.clamp(min=1), self.vocabulary)
        own = (kinds == chat.SAID)[:, 1:] & (numbers[:, 1:] > 0)
        states = self.body(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
        return nats(states[own], self._words(), tokens[:, 1:][own]), own


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
