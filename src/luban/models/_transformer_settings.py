"""What transformers have in common before torch is imported: their settings."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from luban.models import _networks
from luban.recipe.recipe import Section


class TransformerSettings(Section):
    """Abstract. The size of a transformer, which each of them adds to."""

    width: _networks.Units = 64
    """How many numbers each step is, from block to block; a multiple of twice the heads."""
    layers: _networks.Layers = 2
    """How many blocks."""
    heads: int = Field(4, ge=1, le=256)
    """How many times each block attends, with a share of the width each."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of what each block adds that is set to 0, while it trains."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is no multiple of twice the {self.heads} heads")
        return self
