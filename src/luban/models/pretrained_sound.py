"""Fine-tuning of sounds: an encoder that was pretrained on other sounds goes on learning from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.core.errors import UsageError
from luban.models import _networks, _pretrained, _tuning
from luban.origins import configs, sounds
from luban.protocols import Shape, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

RATE = 1e-4
"""The learning rate of the topmost block."""
HEAD = 20.0
"""How many times as fast a fresh head learns as the topmost block."""
FEWEST_EPOCHS, MOST_EPOCHS = 5, 20
SILENCE = 1.0
"""Seconds; by trial (decision 0047)."""
FRAMES = sounds.RATE // sounds.HOP
"""In a second."""


class Settings(_tuning.AdapterSettings):
    """What can be set about fine-tuning."""

    summary: Literal["mean", "layers"] = "mean"
    """What of all the states stands for a sound: the mean of the last ones, or of those of all layers."""
    silence: float = Field(SILENCE, ge=0, le=30)
    """Seconds of silence that it hears behind each sound, if it can: it learned from windows that end in silence."""
    frozen: int = Field(0, ge=0, le=200)
    """So many blocks from below stay as they were pretrained, and the convolutions with them."""
    layer_decay: float = Field(0.9, gt=0, le=1)
    """How much slower each block learns than the one above it (Howard and Ruder, 2018)."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the vector of a sound that the head does without, while it trains."""


@final
class PretrainedSound(_tuning.AdaptedNetwork):
    """A pretrained encoder of sounds, and a fresh linear head on the mean of its states (Radford et al., 2022).

    Lower blocks learn more slowly, and the head faster, than the topmost block. What is saved is one network: an
    adapter is put into the matrix that it stands beside.
    """

    name: ClassVar[str] = _pretrained.OF_SOUNDS
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED
    takes: ClassVar[frozenset[str]] = frozenset({"sequence"})
    Settings = Settings

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        if settings.tune != "auto":
            return {}, ""
        weights = configs.block_weights(settings.origin.config)
        steps = (length + settings.silence * FRAMES) / sounds.STRIDE
        way, reason = _tuning.chosen(weights, weights * steps, work.rows, FEWEST_EPOCHS, seconds)
        return {"tune": way}, reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._fused import fused
        from luban.models._pretrained_sound import PretrainedSound as Encoder

        config = settings.origin.config
        _pretrained.reads(config, "sequence")

        def encoder(shape: Shape) -> nn.Module:
            _check(shape, config)
            silence = min(round(settings.silence * FRAMES), sounds.frames(config) - shape.longest)
            found = Encoder(config, settings.summary, silence=silence, dropout=settings.dropout)
            settings.adapt(found.body)
            return found

        return fused(work, self.takes, encoder)

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        _tuning.begin(
            module, settings.origin, settings.way,
            frozen=settings.frozen, decay=settings.layer_decay, head=HEAD,
        )  # fmt: skip

    def rate(self, settings: Section) -> tuple[float, str]:
        return RATE, "the usual one for weights that were pretrained"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS)


def _check(shape: Shape, config: Mapping[str, Any]) -> None:
    """Raises UsageError for a sequence that is no sound as the encoder hears it, or a longer one than it hears."""
    bands, longest = config["num_mel_bins"], sounds.frames(config)
    if shape.size != (bands,):
        raise UsageError(
            f"the pretrained model reads sounds, as {bands:,} bands, and here are steps of {shape.size[0]:,} numbers.",
            where="--from",
            fix=f"give paths of sounds, or --set features.mel_bands={bands} --set features.spectrogram=whisper",
        )
    if shape.longest > longest:
        raise UsageError(
            f"sounds of {shape.longest:,} frames are longer than the {longest:,} that the pretrained model reads.",
            where="features.longest",
            fix=f"--set features.longest={longest}",
        )


model = PretrainedSound()
