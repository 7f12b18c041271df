"""Models that begin from another one, whatever it reads: what their settings tell of it, and when they are tried."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from luban.models import _networks
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

UNTOUCHED = "untouched"
"""The model that answers as what was begun from did before."""


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


class Beginning(Section):
    """Abstract. The settings of whatever begins from another model: its `origin`, which has to be named.

    unnamed: what is said where it is not.
    """

    unnamed: ClassVar[str]

    @field_validator("origin", check_fields=False)
    @classmethod
    def _named(cls, origin: Begun | None) -> Begun:
        if origin is None:
            raise PydanticCustomError("origin", "{reason}", {"reason": cls.unnamed})
        return origin


class BegunNetwork(ABC):
    """Abstract. A network that begins from another model. `auto` has nothing to begin from unless a person names it."""

    trainer: ClassVar[Literal["gradient"]] = "gradient"
    takes: ClassVar[frozenset[str]]

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)
