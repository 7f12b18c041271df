"""The torch module of a pretrained encoder that fills hidden tokens in blocks of packed documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from luban.batch import Array
from luban.core.errors import BundleError
from luban.models._blocks import numbers_of, places
from luban.models._dropout import cheaper
from luban.models._filling import Filling
from luban.origins import configs, filling

_OF_ROBERTA = ("camembert", "mpnet", "roberta", "xlm-roberta")
"""Kinds that count places from behind the number that pads."""


@final
class Reader(nn.Module):
    """The body, where it is looked for by what takes its weights."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.body: Any = configs.body(config)
        cheaper(self.body)


@final
class PretrainedFilling(Filling):
    """See `Filling`. Each step sees all of its own document, whose places count from its beginning in the block.

    config: as `origins.configs` has it. marks: what stands for the five marks among the body's own numbers.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        marks: tuple[int, ...],
        vocabulary: int,
        share: float,
        begins: Array | None = None,
    ) -> None:
        from transformers.activations import ACT2FN

        super().__init__(name, vocabulary, share, begins)
        self.reader = Reader(config)
        built = filling.head(config, self.reader.body)
        self.act = ACT2FN[built.activation]
        self.dense = nn.Linear(built.width, built.inner, bias=built.dense_bias)
        self.norm = nn.LayerNorm(built.inner, eps=built.epsilon, bias=built.norm_bias)
        self.bias = nn.Parameter(torch.zeros(self.embedding.shape[0]))
        # One that changes nothing, until another one is put in its place.
        nn.init.eye_(self.dense.weight)
        if built.dense_bias:
            nn.init.zeros_(self.dense.bias)
        kind = config["model_type"]
        # MPNet counts from behind the number that pads its authors' texts, whatever the config says.
        pads = 1 if kind == "mpnet" else int(self.reader.body.config.pad_token_id or 0)
        self._first = pads + 1 if kind in _OF_ROBERTA else 0
        self._adds = kind == "mpnet"
        self._near = self.reader.body.config.sliding_window if kind == "modernbert" else None
        self._marks = torch.tensor(marks)

    def take(self, weights: Mapping[str, Array]) -> bool:
        """Puts the head that a folder has in the place of its own, and says whether there is one.

        Raises BundleError for one of another shape.
        """
        own = dict(self.named_parameters())
        found = filling.kept(self.reader.body.config.to_dict(), weights)
        with torch.no_grad():
            for name, values in found.items():
                if name not in own or tuple(own[name].shape) != values.shape:
                    raise BundleError(
                        f"'{name}' of the head of the pretrained model has the shape {values.shape}, which its config "
                        "does not ask for.",
                        fix="config.json and the weights must be of one model: fetch or write the folder again",
                    )
                own[name].copy_(torch.from_numpy(values))
        return bool(found)

    def states_of(self, tokens: Tensor, own: Tensor | None, chosen: Tensor) -> Tensor:
        mask: Any = self.mask(tokens, own)
        if mask is not None and self._near is not None:
            steps = torch.arange(tokens.shape[1], device=tokens.device)
            near = (steps[:, None] - steps[None, :]).abs() <= self._near
            mask = {"full_attention": mask, "sliding_attention": mask & near}
        if mask is not None and self._adds:
            # Its layers add what they are given to what each step looks at.
            mask = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, torch.finfo(torch.float32).min)
        found: Tensor = self.reader.body(
            input_ids=self.numbers(tokens), attention_mask=mask, position_ids=self._first + places(tokens)
        ).last_hidden_state
        return found[chosen]

    def said(self, states: Tensor) -> Tensor:
        found: Tensor = self.norm(self.act(self.dense(states)))
        return found

    def numbers(self, tokens: Tensor) -> Tensor:
        return numbers_of(tokens, self._marks.to(tokens.device))

    @property
    def embedding(self) -> nn.Parameter:
        weight: nn.Parameter = self.reader.body.get_input_embeddings().weight
        return weight
