"""What the torch modules of pretrained language models share: the body, its adapters and its words, and how they take
the weights that they begin with.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models import _adapters
from luban.origins import configs


class Speaking(nn.Module, ABC):
    """Abstract. A body of `transformers` with an output layer, which is its embedding where the config says so.

    config: as `config.json` has it. how: the adapters of its blocks; None for none. where: which matrices have one.
    """

    def __init__(self, name: str, config: Mapping[str, Any], how: _adapters.How | None, where: str) -> None:
        super().__init__()
        self.name, self.how = name, how
        self.body = configs.fresh(config)
        tied = self.body.config.tie_word_embeddings
        embedding = self.body.get_input_embeddings().weight
        self.head = None if tied else nn.Linear(embedding.shape[1], embedding.shape[0], bias=False)
        if how is not None:
            _adapters.adapt(self.body, how, lambda path: where == "all" or "attn" in path)

    def goes_on(self, first: Tensor, never: Sequence[int], draw: torch.Generator) -> Iterator[Tensor]:
        """What it writes itself, drawn from all it thinks possible: the token that follows each text, step by step.

        first: (texts,) the token that each begins with. never: tokens that are not written.
        """
        from transformers import DynamicCache

        kept, asked = DynamicCache(config=self.body.config), first[:, None]
        while True:
            with torch.inference_mode():
                states = self.body(input_ids=asked, cache=kept, use_cache=True).last_hidden_state
                logits = functional.linear(states[:, -1], self.words()).float()
                logits[:, list(never)] = -torch.inf
                asked = torch.multinomial(logits.softmax(dim=1), 1, generator=draw)
            yield asked[:, 0]

    def words(self) -> Tensor:
        """(tokens, width) what a state is compared with."""
        found: Tensor = self.body.get_input_embeddings().weight if self.head is None else self.head.weight
        return found

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
