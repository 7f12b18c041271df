"""Encoder and decoder: reads a text or a series and writes a text, token by token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks
from luban.models._transformer_settings import TransformerSettings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn


class Settings(TransformerSettings):
    """What can be set about encoders with decoders."""

    width: _networks.Units = 64
    """How many numbers each step is, all through; for `transformer` a multiple of twice the heads."""
    kind: Literal["transformer", "lstm"] = "transformer"
    """Attention within both and between them, or two LSTMs, of which the second looks at the states of the first."""
    positions: Literal["rotary", "learned"] = "rotary"
    """Of `transformer`: by distance, or a vector for each place."""
    longest: int = Field(256, ge=1, le=100_000)
    """Tokens that are written at most, and places that `learned` has."""
    vocabulary: int = Field(2_000, ge=300, le=100_000)
    """Tokens at most: byte pairs, learned from the texts to be written, and from those that are read."""
    beams: int = Field(1, ge=1, le=64)
    """Texts that are followed at once while one is written, of which the best is the answer; 1 is greedy."""


@final
class EncoderDecoder:
    """p(y_t | y_<t, x) = softmax(W decode(y_<t, encode(x))), x and y of different lengths.

    Transformer: Vaswani et al. (2017), normalised first. LSTM: Sutskever et al. (2014) with the attention of Luong et
    al. (2015). W is the embedding of the target (Press and Wolf, 2017). The only part is what is read; `work.outputs`
    is the size of the vocabulary that is written, whose tokens 0, 2 and 3 pad, start and end. A part whose name ends
    with `OWN` is in that vocabulary: then there is one embedding, and what was read can be copied.
    """

    name: ClassVar[str] = "encoder-decoder"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = frozenset({"sequence-to-sequence"})
    takes: ClassVar[frozenset[str]] = frozenset({"tokens", "sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return () if self.declines(work) else _networks.entry(1, self.name)

    def declines(self, work: Work) -> str | None:
        if len(_networks.shapes(work)) > 1:
            return f"it reads one column, here are {len(_networks.shapes(work))} parts."
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.encoder_decoder.network import SequenceToSequence

        ((name, shape),) = _networks.shapes(work).items()
        return SequenceToSequence(name, shape, work.outputs, settings)


model = EncoderDecoder()
