"""What settings tell of a model that is begun from, whatever it reads: what it is, and what it is made of."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from luban.recipe.recipe import Section


class Begun(Section):
    """Abstract. A model that is begun from; `--from` fills it in."""

    content: str
    """`sha256:` of what it is: recipes hold no place of one machine. A folder or a sample's name is taken too."""
    config: dict[str, Any]
    """Its architecture, as its `config.json` has it."""

    @classmethod
    @abstractmethod
    def known(cls, config: dict[str, Any]) -> dict[str, Any]:
        """What is used of a config. Raises ValueError, with the reason in words, where no network is built of it."""

    @field_validator("config")
    @classmethod
    def _known(cls, config: dict[str, Any]) -> dict[str, Any]:
        try:
            return cls.known(config)
        except ValueError as reason:
            raise PydanticCustomError("config", "{reason}", {"reason": str(reason)}) from None
