"""Pretrained encoders of texts inside luban's networks: the settings that describe them, and the torch module."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from luban.models import _networks
from luban.origins import configs
from luban.protocols import Work
from luban.recipe.recipe import Section

TAKES = frozenset({"tokens"})
ENCODER = "pretrained-text"
"""The architecture that a form of either model has."""


class Origin(Section):
    """Which pretrained model is begun from, and what it is made of; `--from` fills it in."""

    content: str
    """`sha256:` of what it is: recipes hold no place of one machine. A folder or a sample's name is taken too."""
    config: dict[str, Any]
    """Its architecture, as its `config.json` has it."""
    marks: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] = Field((0, 0, 0, 0, 0), min_length=5, max_length=5)
    """The numbers of its tokens that pad, are unknown, begin, end and mask."""
    summary: Literal["mean", "first"] = "mean"
    """What of all the states stands for a text: their mean, or the state of the first mark."""

    @field_validator("config")
    @classmethod
    def _known(cls, config: dict[str, Any]) -> dict[str, Any]:
        try:
            return configs.checked(config)
        except ValueError as reason:
            raise PydanticCustomError("config", "{reason}", {"reason": str(reason)}) from None


class Beginning(Section):
    """Abstract. The settings of whatever begins from a pretrained model."""

    origin: Origin | None = Field(None, validate_default=True)
    """The pretrained model; `--from NAME` says which."""

    @field_validator("origin")
    @classmethod
    def _named(cls, origin: Origin | None) -> Origin:
        if origin is None:
            raise PydanticCustomError("origin", "a pretrained model is what it begins from; name one by --from")
        return origin


def declines(work: Work, alone: bool) -> str | None:
    """Why no pretrained encoder is used for this work; None where one is. alone: whether nothing but texts is read."""
    reason = _networks.declines(TAKES, work)
    if reason is None and alone and _networks.kinds(work) != TAKES:
        return "it reads texts alone, and other columns are here; pretrained-text takes them beside."
    return reason
