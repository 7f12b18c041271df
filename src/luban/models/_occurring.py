"""An embedding of which those rows learn whose tokens occur in the texts that are learned from; the others stay.

A row that no text asks for has no gradient, and Adam's moments of it stay 0: it never moves, but for weight decay,
which would draw words towards 0 of which nothing is known. So the rows that occur are a parameter of their own, and
what learns from them is the same, step by step. In some hundred short texts a tenth of MiniLM's words occur, and its
table is half of its weights: gradients, moments and the norms of both are so much smaller.

From outside it is the whole table: `state_dict` and `load_state_dict` know of nothing else.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.batch import Array

MOST = 0.75
"""Share of the rows up to which it pays: the table itself is in memory besides, and what learns is there four times."""


@final
class Occurring(nn.Embedding):
    """`table` in which the rows of some numbers learn.

    weight: (occurring, width) of these rows. whole: (rows, width) of the table; what it holds in their place is not
    read. numbers: (occurring,) which they are. places: (rows,) where each row is in `weight`, -1 of one that stays.
    """

    whole: Tensor
    numbers: Tensor
    places: Tensor

    def __init__(self, table: nn.Embedding, numbers: Tensor) -> None:
        places = torch.full((table.num_embeddings,), -1)
        places[numbers] = torch.arange(len(numbers))
        pads = -1 if table.padding_idx is None else int(places[table.padding_idx])
        super().__init__(
            len(numbers), table.embedding_dim, padding_idx=pads if pads >= 0 else None,
            _weight=table.weight.detach()[numbers],
        )  # fmt: skip
        # How fast a parameter learns, and when it begins to, stands in its attributes.
        vars(self.weight).update(vars(table.weight))
        for name, tensor in {"whole": table.weight.detach(), "numbers": numbers, "places": places}.items():
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        places = self.places[input]
        stays = places < 0
        learned = functional.embedding(places.masked_fill(stays, 0), self.weight, self.padding_idx)
        return torch.where(stays[..., None], functional.embedding(input, self.whole), learned)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        destination[f"{prefix}weight"] = self.whole.index_copy(0, self.numbers, self.weight.detach())

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        name = f"{prefix}weight"
        given = state_dict.get(name)
        if given is None or given.shape != self.whole.shape:
            super()._load_from_state_dict(state_dict, prefix, *others)
            return
        self.whole = given.detach().to(self.whole, copy=True)
        with torch.no_grad():
            self.weight.copy_(self.whole[self.numbers])


def occurring(table: nn.Embedding, numbers: Array) -> nn.Embedding:
    """The table with these rows learning, any number as often as it likes; the table itself where it would not pay.

    >>> occurring(nn.Embedding(8, 2), np.array([5, 2, 5])).numbers.tolist()
    [2, 5]
    """
    own = np.unique(numbers)
    if not table.weight.requires_grad or len(own) > MOST * table.num_embeddings:
        return table
    return Occurring(table, torch.from_numpy(own.astype(np.int64)))
