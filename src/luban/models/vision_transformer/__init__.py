"""Vision transformer: an image as a row of patches that look at each other."""

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
    """What can be set about vision transformers."""

    patch: int | None = Field(None, ge=1, le=256)
    """The side of a patch in pixels; where nothing is said an eighth of the longer side, rounded up."""
    summary: Literal["mean", "class"] = "mean"
    """The mean of the patches, which few images ask for, or a token of its own that looks at them, as in the paper."""


@final
class VisionTransformer:
    """Patches of an image, flattened and projected, with a learned place each, through a transformer's encoder.

    z_0 = E patches + places; z = block(z), repeated; the answer from the mean of z (Dosovitskiy et al., 2021).
    """

    name: ClassVar[str] = "vision-transformer"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED
    takes: ClassVar[frozenset[str]] = frozenset({"image"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()  # from scratch it wants more images than are classified on a CPU; cnn is better below

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._fused import fused
        from luban.models.vision_transformer.network import PatchAttention

        asked = settings.model_dump()
        return fused(work, self.takes, lambda shape: PatchAttention(shape, **asked), settings.dropout)


model = VisionTransformer()
