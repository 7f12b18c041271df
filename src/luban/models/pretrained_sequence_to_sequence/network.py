"""The torch module of a pretrained encoder-decoder: luban's tokens outside, its own inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.collate import LENGTHS, WRITTEN
from luban.models import _adapters
from luban.models._blocks import END, MARKS, numbers_of
from luban.models._layers import own_steps
from luban.models._rewriting import Origin
from luban.models._writing import Written, beam
from luban.origins import configs, encoder_decoders

NEVER = -1e4
"""The raw output of what is never written; its probability is 0."""
_BEGINS = ("bart",)
"""Kinds that read a mark before each text."""


@final
@dataclass(frozen=True, eq=False)
class Kept:
    """memory: (rows, length, width), a state for each step that was read. own: (rows, length), which are no padding.

    cache: what the layers of the decoder keep of the steps before, as `transformers` has it; None before the first.
    """

    memory: Tensor
    own: Tensor
    cache: Any = None

    def take(self, rows: Tensor) -> Self:
        """These rows, by number; a row may come several times."""
        return type(self)(self.memory[rows], self.own[rows], None if self.cache is None else _taken(self.cache, rows))


@final
class RewritingModel(nn.Module):
    """forward(inputs): (rows, steps, tokens) the raw output for what follows each of the target's tokens.

    inputs: the part `<name>` that is read, its lengths, and `<name>.written`, (rows, steps) int64: START and the
        tokens, padded with 0; all in luban's numbers, in which five marks stand before the tokenizer's own.
    The embedding is held once: both halves, and the output layer where it has none of its own, are given its vectors.
    """

    def __init__(self, name: str, origin: Origin, longest: int) -> None:
        super().__init__()
        self.name = name
        self.body: Any = configs.fresh(origin.config, encoder_decoders.KIND)
        asked = self.body.config
        self.kind = str(origin.config["model_type"])
        self._tied = bool(origin.config.get("tie_word_embeddings", True))
        for half in (self.body.get_encoder(), self.body.get_decoder()):
            half.embed_tokens = None
        rows = encoder_decoders.rows(origin.config)
        self.body.lm_head = None if self._tied else nn.Linear(asked.d_model, rows, bias=False)
        self._scale = asked.d_model**0.5 if getattr(asked, "scale_embedding", False) else 1.0
        self._out = asked.d_model**-0.5 if self.kind == "t5" and self._tied else 1.0
        self._begins = self.kind in _BEGINS
        self._marks, self._starts = torch.tensor(origin.marks), torch.tensor(origin.starts)
        # Among luban's numbers, in which an end has one alone.
        self._end, self._never = origin.marks[3], [number + MARKS for number in origin.never]
        self.longest = encoder_decoders.writes(origin.config, len(origin.starts), longest)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.decode(self.encode(inputs), inputs[self.name + WRITTEN])

    def encode(self, inputs: Mapping[str, Tensor]) -> Kept:
        """What was read: a state for each step."""
        tokens, lengths = inputs[self.name].long(), inputs[self.name + LENGTHS]
        if not self._begins:
            tokens, lengths = tokens[:, 1:], lengths - 1
        own = own_steps(lengths, tokens.shape[1])
        vectors = self._vectors(self._numbers(tokens), self._scale)
        states = self.body.get_encoder()(inputs_embeds=vectors, attention_mask=own.long())
        return Kept(states.last_hidden_state, own)

    def decode(self, states: Kept, target: Tensor) -> Tensor:
        """(rows, steps, tokens) raw outputs for the token behind each of the target's, (rows, steps) int64."""
        numbers = torch.cat([self._first(len(target)), self._numbers(target[:, 1:])], dim=1)
        return self._outputs(self._states(states, numbers, None)[:, len(self._starts) - 1 :])

    def next(self, states: Kept, token: Tensor) -> tuple[Tensor, Kept]:
        """(rows, tokens) what `decode` says behind one more token of each row, but for what is never written, and the
        states for the one after.
        """
        cache = states.cache
        if cache is None:
            from transformers import DynamicCache, EncoderDecoderCache

            asked = self.body.config
            cache = EncoderDecoderCache(DynamicCache(config=asked), DynamicCache(config=asked))
        numbers = self._first(len(token)) if states.cache is None else self._numbers(token[:, None])
        found = self._states(states, numbers, cache)
        outputs = self._outputs(found[:, -1])
        outputs[:, self._never] = NEVER
        return outputs, Kept(states.memory, states.own, cache)

    def write(self, inputs: Mapping[str, Tensor], *, beams: int = 1, longest: int | None = None) -> list[Written]:
        """What is written for each row, greedily or by the best of so many beams; at most `longest` tokens."""
        return beam(self.next, self.encode(inputs), min(longest or self.longest, self.longest), beams)

    @property
    def kept_of_step(self) -> int:
        """How many numbers are kept of each step of a row while it is written."""
        decoder = self.body.get_decoder()
        layers = decoder.block if self.kind == "t5" else decoder.layers
        return 2 * len(layers) * int(self.body.config.d_model)

    def learns(self, name: str, *, decoder: bool) -> bool:
        """Whether a parameter learns where all of them may, or where those of the decoder may alone."""
        # Places by sines are no weights.
        if self.kind == "marian" and name.endswith("embed_positions.weight"):
            return False
        return not decoder or ".decoder." in f".{name}"

    def take(self, load: Callable[[], nn.Module]) -> None:
        """Goes on from the weights of a network of `transformers`, whose memory it takes over.

        load: reads that network; what was drawn here is given back before, so that there is room for one of both.
        """
        own: dict[str, Tensor] = {
            name: weight for name, weight in self.named_parameters() if not _adapters.learns(name)
        }
        for weight in own.values():
            weight.data = torch.empty(0)
        theirs = load().state_dict()
        for name, weight in (*own.items(), *self.named_buffers()):
            weight.data = theirs[name.removeprefix("body.")].detach()
        _adapters.begun(self.body)

    def _first(self, rows: int) -> Tensor:
        return self._starts.to(self._device).expand(rows, -1)

    def _numbers(self, tokens: Tensor) -> Tensor:
        """The body's own numbers of tokens."""
        return numbers_of(tokens, self._marks.to(tokens.device))

    def _vectors(self, numbers: Tensor, scale: float) -> Tensor:
        found = functional.embedding(numbers, self._words)
        return found if scale == 1.0 else found * scale

    def _states(self, states: Kept, numbers: Tensor, cache: Any) -> Tensor:
        # The decoder of Marian scales what it is given by itself.
        vectors = self._vectors(numbers, 1.0 if self.kind == "marian" else self._scale)
        found: Tensor = self.body.get_decoder()(
            inputs_embeds=vectors, encoder_hidden_states=states.memory,
            encoder_attention_mask=states.own.long(), cache=cache, use_cache=cache is not None,
        ).last_hidden_state  # fmt: skip
        return found if self._out == 1.0 else found * self._out

    def _outputs(self, states: Tensor) -> Tensor:
        """In luban's numbers; of its marks END alone is ever written."""
        head = self._words if self._tied else self.body.lm_head.weight
        own = functional.linear(states, head, getattr(self.body, "final_logits_bias", None))
        marks = own.new_full((*own.shape[:-1], MARKS), NEVER)
        marks[..., END] = own[..., self._end]
        found = torch.cat([marks, own], dim=-1)
        return found.index_fill(-1, torch.tensor([self._end + MARKS], device=own.device), NEVER)

    @property
    def _words(self) -> Tensor:
        words: Tensor = (self.body if self.kind == "t5" else self.body.model).shared.weight
        return words

    @property
    def _device(self) -> torch.device:
        return self._words.device


def _taken(cache: Any, rows: Tensor) -> Any:
    """These rows of what the layers keep."""
    from transformers import DynamicCache, EncoderDecoderCache

    halves = (cache.self_attention_cache, cache.cross_attention_cache)
    return EncoderDecoderCache(
        *(DynamicCache([(layer.keys[rows], layer.values[rows]) for layer in half.layers]) for half in halves)
    )
