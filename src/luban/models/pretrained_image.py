"""Fine-tuning of images: a network that was pretrained on other images goes on learning from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.models import _begun, _networks, _pretrained, _tuning
from luban.origins import configs, pictures
from luban.protocols import Shape, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

RATE = 3e-4
"""The learning rate of the topmost block."""
HEAD = 10.0
"""How many times as fast a fresh head learns as the topmost block."""
FEWEST_EPOCHS, MOST_EPOCHS = 5, 20
SMALLEST = 96
"""Pixels of a side at which it can still be told what an image shows."""
OPERATIONS = 8_000
"""For each pixel of a side squared, of the networks that are known: 0.4 billion at 224 pixels."""


class Settings(_pretrained.Beginning):
    """What can be set about fine-tuning."""

    side: int | None = Field(None, ge=pictures.SMALLEST_SIDE, le=pictures.LARGEST_SIDE)
    """Pixels of the longer side at which images are seen; where nothing is said as many as it learned on, and of small
    images fewer: a step takes as long as it has pixels."""
    tune: Literal["auto", "head", "gradual", "full"] = "auto"
    """What learns: the head, the blocks one by one, or all of it; `auto` goes by rows and time."""
    levels: Literal["last", "all"] = "last"
    """Whether an image's vector is what the last layer says, or what every stage says, side by side."""
    frozen: int = Field(0, ge=0, le=pictures.MOST_BLOCKS)
    """So many blocks from below stay as they were pretrained, and the first convolution with them."""
    layer_decay: float = Field(0.9, gt=0, le=1)
    """How much slower each block learns than the one above it (Howard and Ruder, 2018)."""
    statistics: Literal["kept", "learned"] = "kept"
    """Whether normalisations keep the mean and spread that they learned, or take those of each batch."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the vector of an image that the head does without, while it trains."""


@final
class PretrainedImage(_begun.BegunNetwork):
    """A pretrained network of images, and a fresh linear head on the vector of each (Yosinski et al., 2014).

    Lower blocks learn more slowly, and the head faster, than the topmost block.
    """

    name: ClassVar[str] = _pretrained.OF_IMAGES
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    Settings = Settings

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        if settings.tune != "auto":
            return {}, ""
        config = settings.origin.config
        shapes = [shape for shape in work.shapes.values() if shape.kind == "image"]
        side = max((settings.side or usual_side(config["image_size"], shape) for shape in shapes), default=0)
        weights = configs.block_weights(config)
        way, reason = _tuning.chosen(weights, OPERATIONS * side**2, work.rows, FEWEST_EPOCHS, seconds)
        # Convolutions of one channel have no matrix beside which small ones would save anything.
        return {"tune": "full" if way == "lora" else way}, reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._fused import fused
        from luban.models._pretrained_image import PretrainedImage as Encoder

        config = settings.origin.config
        _pretrained.reads(config, "image")

        def encoder(shape: Shape) -> nn.Module:
            return Encoder(
                shape, config, settings.side or usual_side(config["image_size"], shape),
                levels=settings.levels, frozen=_frozen(settings), statistics=settings.statistics,
                dropout=settings.dropout,
            )  # fmt: skip

        return fused(work, self.takes, encoder)

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        _tuning.begin(
            module, settings.origin, "full" if settings.tune == "auto" else settings.tune,
            frozen=settings.frozen, decay=settings.layer_decay, head=HEAD,
        )  # fmt: skip

    def rate(self, settings: Section) -> tuple[float, str]:
        return RATE, "the usual one for weights that were pretrained"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS)


def _frozen(settings: Settings) -> int:
    """Blocks that keep the mean and spread of their normalisations, the stem beneath them, and of `head` all."""
    assert settings.origin is not None
    return configs.layers(settings.origin.config) + 1 if settings.tune == "head" else settings.frozen


def usual_side(learned: int, shape: Shape) -> int:
    """Pixels of the longer side: four for each that is there, and no more than it learned on.

    >>> usual_side(224, Shape("image", (1, 28, 28))), usual_side(224, Shape("image", (3, 200, 300)))
    (112, 224)
    """
    return min(max(4 * max(shape.size[1:]), SMALLEST), learned)


model = PretrainedImage()
