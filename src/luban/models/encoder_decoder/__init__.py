"""Encoder and decoder: reads a text or a series and writes a text, token by token."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks
from luban.models._transformer_settings import TransformerSettings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

Auto = Literal["auto"]
PACE = {64: 38_000, 128: 24_000, 256: 11_000}
"""Letters, read and written, that a pair of each width learns from in a CPU second of one slow core, by trial."""
LEARNS = 0.5
"""Share of the time of a run that is left for learning, beside reading, the other models, and writing."""
PASSES = 8
"""Passes over the rows for which a wider pair must have time: below it a narrower one makes more of them."""
FEW_PASSES = 10
"""Passes up to which dropout costs more than it gives: nothing is learned by heart yet, and a step takes a sixth more.
"""
DROPOUT = 0.1


class Settings(TransformerSettings):
    """What can be set about encoders with decoders."""

    width: _networks.Units | Auto = Field("auto", union_mode="left_to_right")  # type: ignore[assignment]
    """How many numbers each step is, all through; for `transformer` a multiple of twice the heads. `auto` takes the
    most with which there is time to learn from so many letters."""
    dropout: _networks.Share | Auto = Field("auto", union_mode="left_to_right")  # type: ignore[assignment]
    """Share of what each block adds that is set to 0, while it trains; `auto` takes none where there are few passes."""
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

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings)
        if "auto" not in (settings.width, settings.dropout):
            return {}, ""
        letters = max(work.rows * length, 1.0)
        widths = tuple(PACE) if settings.width == "auto" else (settings.width,)
        # Where nobody says how long it may take, it takes no longer than it must.
        passes = {} if seconds is None else {width: LEARNS * seconds * _pace(width) / letters for width in widths}
        width = max((width for width in passes if passes[width] >= PASSES), default=min(widths))
        many = seconds is None or passes[width] > FEW_PASSES
        found = {"width": _shared(width, settings.heads), "dropout": DROPOUT if many else 0.0}
        told = "the smallest, since no --time was given"
        if seconds is not None:
            told = f"about {passes[width]:.1f} passes over {letters:,.0f} letters in --time {seconds:g}s"
            told += f"; a wider one is for {PASSES} passes or more" if width < max(widths) else ""
        return {key: value for key, value in found.items() if getattr(settings, key) == "auto"}, told

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.encoder_decoder.network import SequenceToSequence

        ((name, shape),) = _networks.shapes(work).items()
        return SequenceToSequence(name, shape, work.outputs, closed(settings))


def closed(settings: Settings) -> Settings:
    """The settings where nobody decided what was open: those of the smallest pair."""
    width = _shared(min(PACE), settings.heads) if settings.width == "auto" else settings.width
    return settings.model_copy(
        update={"width": width, "dropout": DROPOUT if settings.dropout == "auto" else settings.dropout}
    )


def _shared(width: int, heads: int) -> int:
    """The width, or the next that the heads share equally, in pairs."""
    return math.ceil(width / (2 * heads)) * 2 * heads


def _pace(width: int) -> float:
    """Letters a second at any width: between those that were tried, the pace of the next wider one."""
    return float(PACE[min((known for known in PACE if known >= width), default=max(PACE))])


model = EncoderDecoder()
