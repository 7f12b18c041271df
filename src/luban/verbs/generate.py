"""`luban generate`: a language model continues a text, or answers in a chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.core.lazy import require

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from luban.origins.causal import Causal
    from luban.runtime.products import Precision

MOST_TOKENS = 256
"""Tokens that are written where nobody says how many."""


@dataclass(frozen=True)
class Generated:
    """What was written, and why it ended."""

    document: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.document["text"])

    def to_json(self) -> dict[str, Any]:
        return dict(self.document)


def generate(
    model: str,
    prompt: str,
    *,
    chat: bool = False,
    max_tokens: int = MOST_TOKENS,
    temperature: float = 0.0,
    top_p: float = 1.0,
    stop: Sequence[str] = (),
    seed: int = 0,
    precision: Precision = "float32",
    threads: int | None = None,
    tell: Callable[[str], None] | None = None,
    console: Console = SILENT,
) -> Generated:
    """How the language model continues the prompt.

    model: a bundle, a folder, a GGUF file or a sample. chat: the prompt is a turn of a chat, in the model's template.
    temperature: 0 takes the likeliest token at each place; above 0 tokens are drawn, the more evenly the higher it is.
    top_p: tokens are drawn only from the likeliest that together have this probability. stop: texts that end it.
    precision: of the large matrices; bfloat16 takes half the memory, int8 a quarter, and is quickest.
    tell: is called with each piece of the text as it comes.

    Raises UsageError for an unknown model, an empty prompt and one that is longer than the context; BundleError.
    """
    torch = require("torch", extra="nets", purpose="writing texts by a language model")
    from luban.bundle import store
    from luban.origins import causal, licences
    from luban.runtime import continuing, products

    if threads is not None:
        torch.set_num_threads(threads)
    store.check(model)
    note = products.able(precision)
    if note is not None:
        console.say(note)
    origin = causal.find(model)
    if origin.licence is not None and origin.licence.lower() not in licences.FREE:
        console.say(f"The licence of this model is {origin.licence}.")
    tokenizer = origin.tokenizer()
    numbers = _tokens(origin, tokenizer, prompt, chat=chat)
    network = continuing.prepared(origin.network(), precision)
    written = continuing.Written()
    following = continuing.tokens(network, numbers, continuing.Choice(temperature, top_p, seed))
    for piece in continuing.words(
        following, tokenizer, written,
        ends=origin.ends, most=max_tokens, room=origin.context - len(numbers), stop=[word for word in stop if word],
    ):  # fmt: skip
        if tell is not None:
            tell(piece)
    about = {"model": origin.sha256, "licence": origin.licence}
    counted = {"tokens": written.tokens, "prompt_tokens": len(numbers), "ended": written.ended}
    return Generated({"text": written.text, **counted, **about})


def _tokens(origin: Causal, tokenizer: Tokenizer, prompt: str, *, chat: bool) -> list[int]:
    """The tokens of the prompt. Raises UsageError where there is none, or more than the context holds."""
    asked = origin.chat([{"role": "user", "content": prompt}], ask=True) if chat else prompt
    # A template writes its own marks.
    numbers: list[int] = tokenizer.encode(asked, add_special_tokens=not chat).ids
    if not numbers:
        raise UsageError("the prompt holds no token.", where="PROMPT", fix="give at least a word to go on from")
    if len(numbers) >= origin.context:
        raise UsageError(
            f"the prompt has {len(numbers):,} tokens, and the context of this model {origin.context:,}.",
            where="PROMPT",
            fix=f"shorten it to less than {origin.context:,} tokens",
        )
    return numbers
