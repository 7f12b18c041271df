"""How a language model continues a text: one token at a time, with the keys and values of all that came before kept.

Here are the loop, the choice of the next token, and the words that come of the tokens. Where the model comes from is
told in `origins.causal`, how it is made quick in `decoding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from luban.core.errors import UsageError
from luban.runtime import decoding
from luban.runtime.decoding import Decoder
from luban.runtime.products import Precision

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ended = Literal["end", "stop", "tokens", "context"]
"""Why a text ended: by the model's own mark, by a text that was asked for, by the most tokens, by the context."""
GREEDY = 0.0


@dataclass(frozen=True)
class Choice:
    """How the next token is chosen.

    temperature: what the logits are divided by; 0 for the likeliest token, always. top_p: of the likeliest tokens
    those are drawn from that together have this probability (Holtzman et al., 2020). seed: of what is drawn.
    """

    temperature: float = GREEDY
    top_p: float = 1.0
    seed: int = 0


def prepared(network: nn.Module, precision: Precision) -> nn.Module | Decoder:
    """The quickest that writes as this network of `transformers` does; of its memory what is needed is taken over.

    Raises UsageError for int8 where the network is one that is written by as it is.
    """
    if decoding.takes(network):
        return decoding.laid_out(network, precision)
    if precision == "int8":
        raise UsageError(
            "a model with convolutions, or attention windowed, scaled or turned as here, is not written by in int8.",
            where="--precision int8",
            fix="--precision bfloat16",
        )
    return network.to(torch.bfloat16) if precision == "bfloat16" else network


def tokens(model: nn.Module | Decoder, prompt: Sequence[int], choice: Choice = Choice()) -> Iterator[int]:
    """The tokens that follow the prompt, without end.

    model: a causal network of `transformers`, in evaluation, or what `prepared` made of one. prompt: at least one
    token.
    """
    draw = torch.Generator().manual_seed(choice.seed)
    read = model.begun() if isinstance(model, Decoder) else _by_module(model)
    asked = list(prompt)
    while True:
        number = chosen(read(asked), choice, draw)
        yield number
        asked = [number]


def _by_module(network: nn.Module) -> Callable[[Sequence[int]], Tensor]:
    """What gives (vocabulary,) float32 for what follows the tokens that it is called with, one call after the other."""
    from transformers import DynamicCache

    config: Any = network.config
    kept = DynamicCache(config=config)

    @torch.inference_mode()
    def read(numbers: Sequence[int]) -> Tensor:
        asked = torch.tensor([list(numbers)])
        found: Tensor = network(input_ids=asked, cache=kept, use_cache=True, logits_to_keep=1).logits
        return found[0, -1].float()

    return read


def chosen(logits: Tensor, choice: Choice, draw: torch.Generator) -> int:
    """The next token of these logits (vocabulary,).

    >>> chosen(torch.tensor([0.0, 2.0, 1.0]), Choice(), torch.Generator())
    1
    >>> chosen(torch.tensor([0.0, 2.0, 1.0]), Choice(temperature=1.0, top_p=0.1), torch.Generator())
    1
    """
    if choice.temperature == GREEDY:
        return int(logits.argmax())
    likely, order = torch.softmax(logits / choice.temperature, dim=0).sort(descending=True, stable=True)
    # A token is taken where those before it do not reach the share; so the first always is.
    likely = torch.where(likely.cumsum(0) - likely < choice.top_p, likely, 0.0)
    return int(order[torch.multinomial(likely, 1, generator=draw)])


@dataclass
class Written:
    """What was written, as far as it got. ended: None while it goes on."""

    tokens: int = 0
    text: str = ""
    ended: Ended | None = None


def words(
    numbers: Iterable[int], tokenizer: Tokenizer, written: Written, *,
    ends: Sequence[int], most: int, room: int, stop: Sequence[str] = (),
) -> Iterator[str]:  # fmt: skip
    """The pieces of the text, each as soon as nothing can change it; `written` holds what came of it.

    ends: tokens that end it, and are no part of it. most: tokens at most. room: tokens that the context has left.
    stop: texts that end it, and are no part of it.
    """
    from tokenizers.decoders import DecodeStream

    stream, held = DecodeStream(skip_special_tokens=True), ""
    for number in numbers:
        if number in ends:
            written.ended = "end"
            break
        written.tokens += 1
        # A letter may be spread over several tokens; until it is whole, nothing comes.
        held += stream.step(tokenizer, number) or ""
        places = [place for place in (held.find(word) for word in stop) if place >= 0]
        if places:
            held, written.ended = held[: min(places)], "stop"
            break
        safe = len(held) - max((_begun(held, word) for word in stop), default=0)
        if safe:
            written.text += held[:safe]
            yield held[:safe]
            held = held[safe:]
        if written.tokens >= min(most, room):
            written.ended = "tokens" if most <= room else "context"
            break
    if held:
        written.text += held
        yield held


def _begun(text: str, word: str) -> int:
    """How many characters at the end of the text may be the beginning of the word.

    >>> _begun("one tw", "two"), _begun("one", "two")
    (2, 0)
    """
    return next((length for length in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:length])), 0)
