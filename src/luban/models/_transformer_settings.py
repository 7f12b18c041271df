"""What transformers have in common before torch is imported: their settings."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from luban.models import _networks
from luban.recipe.recipe import Section


class TransformerSettings(Section):
    """Abstract. The size of a transformer, which each of them adds to."""

    width: _networks.Units = 64
    """How many numbers each step is, from block to block; a multiple of twice the heads."""
    layers: _networks.Layers = 2
    """How many blocks."""
    heads: int = Field(4, ge=1, le=256, validate_default=True)
    """How many times each block attends, with a share of the width each."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of what each block adds that is set to 0, while it trains."""

    @field_validator("heads")
    @classmethod
    def _share_the_width(cls, heads: int, others: ValidationInfo) -> int:
        width = others.data.get("width")
        if isinstance(width, int) and width % (2 * heads):
            raise PydanticCustomError("heads", f"the width, {width}, should be a multiple of twice the heads")
        return heads
