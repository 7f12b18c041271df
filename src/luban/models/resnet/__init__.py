"""Residual network: convolutions that each add to what is there, so that many of them can be trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

MOST_PIXELS = 5_000_000
"""Of all training images together, up to which `auto` tries it: above, an epoch takes minutes on a CPU."""


class Settings(Section):
    """What can be set about residual networks."""

    depth: Literal[10, 18, 34] = 18
    """How many layers have weights: 1, 2, or 3 to 6 blocks in each of four stages."""
    width: int = Field(32, ge=1, le=1_024)
    """The filters of the first stage; each of the next three has twice as many. The paper has 64."""
    activation: _networks.Activation = "relu"
    """What each unit makes of its sum."""
    embedding: _networks.Units = 64
    """How many numbers a token of a text becomes."""
    dropout: _networks.Share = 0.1
    """Share of what is set to 0 before the head, while it trains."""


@final
class ResidualNetwork:
    """y = activation(x + norm(w_2 * activation(norm(w_1 * x)))), in four stages (He et al., 2016).

    For small images: the first convolution looks at 3 x 3 places, every one, and nothing is pooled before the stages.
    Over time, tokens and sequences are read in the same way.
    """

    name: ClassVar[str] = "resnet"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED
    takes: ClassVar[frozenset[str]] = frozenset({"image", "tokens", "sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        pixels = [shape.size[1] * shape.size[2] for shape in work.shapes.values() if shape.kind == "image"]
        few = bool(pixels) and work.rows * sum(pixels) <= MOST_PIXELS
        return _networks.entry(13, self.name) if few and not self.declines(work) else ()

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._fused import fused
        from luban.models.resnet.network import ResidualEncoder

        asked = settings.model_dump()
        return fused(work, self.takes, lambda shape: ResidualEncoder(shape, **asked), settings.dropout)


model = ResidualNetwork()
