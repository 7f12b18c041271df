"""Language models inside luban's networks: the settings that describe the one that is begun from."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from luban.models import _begun

ADAPTED = "pretrained-causal"
"""The model that goes on learning."""
RAW = "causal-lm"
"""The task in which it goes on with raw text."""


class Origin(_begun.Begun):
    """Which language model is begun from, and what it is made of."""

    ends: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] = Field((), max_length=64)
    """The numbers of the tokens that end an answer."""
    marks: dict[str, str] = Field(default_factory=dict)
    """What its marks are called, by what they are for."""
    parts: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] = Field((), max_length=2)
    """With raw text: the numbers of the tokens that begin and end a document."""
    template: Annotated[str, Field(max_length=1 << 20)] | None = None
    """With raw text: how the turns of a chat become one text, which it keeps for whoever adapts it to chats."""

    @classmethod
    def known(cls, config: dict[str, Any]) -> dict[str, Any]:
        from luban.origins import causal_configs

        return causal_configs.checked(config)


class Beginning(_begun.Beginning):
    """Abstract. The settings of whatever begins from a language model."""

    unnamed: ClassVar[str] = "a language model is what it begins from; name one by --from"
    origin: Origin | None = Field(None, validate_default=True)
    """The language model; `--from NAME` says which."""
    context: int = Field(256, ge=8, le=8_192)
    """With the task `causal-lm`: tokens that are read at once."""
