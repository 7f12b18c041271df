"""The torch module of a language model that learns to answer: the loss of the answers in chats, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from luban.features import chat
from luban.models import _adapters
from luban.models._blocks import nats, of_rows
from luban.origins import configs


@final
class AnsweringModel(nn.Module):
    """forward(inputs): (rows, 1) the mean of -log p over the tokens of each chat that the model is to say.

    inputs: the part `<name>`, (rows, steps) numbers of tokens and of what they are, see `features/chat`.
    how: the adapters of its blocks; None for none. where: which matrices have one.
    """

    def __init__(
        self, name: str, config: Mapping[str, Any], vocabulary: int, how: _adapters.How | None, where: str
    ) -> None:
        super().__init__()
        self.name, self.vocabulary = name, vocabulary
        self.body = configs.fresh(config)
        tied = self.body.config.tie_word_embeddings
        embedding = self.body.get_input_embeddings().weight
        self.head = None if tied else nn.Linear(embedding.shape[1], embedding.shape[0], bias=False)
        if how is not None:
            _adapters.adapt(self.body, how, lambda path: where == "all" or "attn" in path)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        each, own = self._nats(inputs[self.name])
        return of_rows(each, own)

    def sums(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows, 2) the sum of -log p over what the model is to say in each chat, and how many tokens that is."""
        each, own = self._nats(inputs[self.name])
        total = torch.zeros(own.shape, dtype=each.dtype, device=each.device).masked_scatter(own, each).sum(dim=1)
        return torch.stack([total, own.sum(dim=1).to(total.dtype)], dim=1)

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

    def _nats(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of each token that the model is to say, and (rows, steps - 1) which of those behind the first it is.

        What pads stands behind a chat, and no step sees what follows it.
        """
        numbers = numbers.long()
        tokens, kinds = chat.apart(numbers.clamp(min=1), self.vocabulary)
        own = (kinds == chat.SAID)[:, 1:] & (numbers[:, 1:] > 0)
        states = self.body(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
        weight = self.body.get_input_embeddings().weight if self.head is None else self.head.weight
        return nats(states[own], weight, tokens[:, 1:][own])[0], own
