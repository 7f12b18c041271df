"""Encoder-decoders that were pretrained, inside luban's networks: the settings that describe the one begun from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from luban.models import _begun
from luban.recipe.recipe import Section

NAME = "pretrained-sequence-to-sequence"
"""The model that goes on learning."""
TASK = "sequence-to-sequence"
"""The task in which it does."""
Number = Annotated[int, Field(ge=0, le=1_000_000)]


class Origin(_begun.Begun):
    """Which encoder-decoder is begun from, and what it is made of."""

    marks: tuple[Number, ...] = Field((0, 0, 0, 0, 0), min_length=5, max_length=5)
    """The numbers of its tokens that pad, are unknown, begin, end and mask."""
    starts: tuple[Number, ...] = Field((0,), min_length=1, max_length=2)
    """The numbers of the tokens with which each text begins that it writes."""
    never: tuple[Number, ...] = Field((), max_length=64)
    """The numbers of tokens that it never writes."""

    @classmethod
    def known(cls, config: dict[str, Any]) -> dict[str, Any]:
        from luban.origins import encoder_decoders

        return encoder_decoders.checked(config)


class Writing(Section):
    """Abstract. How texts are read and written, whatever of the model learns."""

    prefix: str = Field("", max_length=200)
    """What stands before each text that is read, as T5 was taught: `summarize: `."""
    longest: int = Field(256, ge=1, le=100_000)
    """Tokens that are written at most."""
    beams: int = Field(1, ge=1, le=64)
    """Texts that are followed at once while one is written, of which the best is the answer; 1 is greedy."""
