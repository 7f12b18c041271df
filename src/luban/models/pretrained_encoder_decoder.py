"""Writing from what a pretrained encoder read: its states, and a fresh decoder that looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import Field

from luban.core import registry
from luban.models import _begun, _networks, _pretrained, _tuning
from luban.models._transformer_settings import TransformerSettings
from luban.protocols import Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

RATE = 5e-5
"""The learning rate of the topmost block of what was pretrained."""
FRESH = 40.0
"""How many times as fast a fresh decoder learns."""
FEWEST_EPOCHS, MOST_EPOCHS, STEPS = 3, 20, 1_500


class Settings(_pretrained.Beginning, TransformerSettings):
    """What can be set about it."""

    tune: Literal["head", "gradual", "full"] = "full"
    """What learns beside the decoder: nothing of the encoder, its blocks one by one, or all of it."""
    frozen: int = Field(0, ge=0, le=200)
    """So many blocks from below stay as they were pretrained, and the embeddings with them."""
    layer_decay: float = Field(0.9, gt=0, le=1)
    """How much slower each block learns than the one above it (Howard and Ruder, 2018)."""
    width: _networks.Units = 128
    """How many numbers each step of the decoder is; a multiple of twice the heads."""
    longest: int = Field(256, ge=1, le=100_000)
    """Tokens that are written at most."""
    vocabulary: int = Field(2_000, ge=300, le=100_000)
    """Tokens at most: byte pairs, learned from the texts to be written."""
    beams: int = Field(1, ge=1, le=64)
    """Texts that are followed at once while one is written, of which the best is the answer; 1 is greedy."""


@final
class PretrainedEncoderDecoder(_begun.BegunNetwork):
    """p(y_t | y_<t, x) = softmax(W decode(y_<t, encode(x))), where the encoder was pretrained (Rothe et al., 2020) and
    the decoder, of blocks that also look at the states of the encoder, is fresh.
    """

    name: ClassVar[str] = "pretrained-encoder-decoder"
    tasks: ClassVar[frozenset[str]] = frozenset({"sequence-to-sequence"})
    takes: ClassVar[frozenset[str]] = frozenset({"tokens"})
    Settings = Settings

    def declines(self, work: Work) -> str | None:
        if len(_networks.shapes(work)) > 1:
            return f"it reads one column, here are {len(_networks.shapes(work))} parts."
        return super().declines(work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._pretrained_encoder import PretrainedEncoder
        from luban.models._reading import Reading

        origin = settings.origin
        _pretrained.reads(origin.config, "tokens")
        writing = registry.find("models", "encoder-decoder")
        own = ("width", "layers", "heads", "dropout", "longest", "vocabulary", "beams")
        module = writing.build(work, writing.Settings(**{name: getattr(settings, name) for name in own}))
        encoder = PretrainedEncoder(origin.config, origin.marks, origin.summary, unit=False, dropout=0.0)
        module.pair.encoder = Reading(encoder, settings.width)
        written: nn.Module = module
        return written

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        _tuning.begin(
            module, settings.origin, settings.tune,
            frozen=settings.frozen, decay=settings.layer_decay, head=FRESH,
        )  # fmt: skip

    def rate(self, settings: Section) -> tuple[float, str]:
        return RATE, f"the usual one for weights that were pretrained; a fresh decoder learns {FRESH:g} times as fast"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS, about=STEPS)


model = PretrainedEncoderDecoder()
