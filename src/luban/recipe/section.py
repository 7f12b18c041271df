"""What all parts of a recipe are: frozen, and strict about their keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Abstract. A part of the recipe: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
