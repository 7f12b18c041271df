"""Filling: a text encoder that was pretrained on other texts goes on filling hidden tokens, in raw text.

Going on with the texts of a domain before labels are learned helps there (Gururangan et al., 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

from pydantic import Field

from luban.batch import Array
from luban.models import _begun, _language, _networks, _pretrained, _tuning
from luban.origins import configs
from luban.protocols import Work
from luban.recipe.recipe import Candidate, Section

if TYPE_CHECKING:
    from torch import nn

HEAD = 20.0
"""How many times as fast a head learns that was not there."""
FEWEST_EPOCHS, MOST_EPOCHS = 2, 10
_BODY = "reader.body."


class Settings(_tuning.AdapterSettings):
    """What can be set about going on with filling."""

    context: int = Field(128, ge=8, le=8_192)
    """Tokens that are read at once."""
    masked: float = Field(0.15, gt=0, lt=1)
    """Share of the tokens that are to be filled; others at every step. Of them 80% are masked, 10% are another token,
    and 10% stay as they are."""
    whole_words: bool = False
    """Whether all tokens of a word are chosen together."""


@final
class PretrainedMasked(_tuning.AdaptedNetwork):
    """A pretrained encoder with the head by which it fills tokens; one that is kept without it gets a head that changes
    nothing at first. What is saved is one network: an adapter is put into the matrices that it stands beside.
    """

    name: ClassVar[str] = _pretrained.FILLING
    tasks: ClassVar[frozenset[str]] = frozenset({_pretrained.RAW})
    takes: ClassVar[frozenset[str]] = frozenset({"tokens"})
    goes_on: ClassVar[bool] = False
    Settings = Settings

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        if settings.tune != "auto":
            return {}, ""
        way, reason = _tuning.of_size(configs.block_weights(settings.origin.config))
        return {"tune": way}, reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models.pretrained_masked.network import PretrainedFilling

        _pretrained.reads(settings.origin.config, "tokens")
        ((name, shape),) = _networks.shapes(work).items()
        begins = _language.begins(work) if settings.whole_words else None
        module = PretrainedFilling(
            name, settings.origin.config, settings.origin.marks, shape.size[0], settings.masked, begins
        )
        settings.adapt(module.reader.body)
        return module

    def as_it_was(self, settings: Section) -> Candidate:
        assert isinstance(settings, Settings) and settings.origin is not None
        origin = settings.origin.model_dump(mode="json")
        return Candidate(model=_begun.UNTOUCHED, settings={"context": settings.context, "origin": origin})

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.origins import naming

        _tuning.begin(module, settings.origin, settings.way, frozen=0, decay=1.0, head=1.0)
        known = module.take(naming.find(settings.origin.content).weights())  # type: ignore[operator]
        for name, parameter in module.named_parameters():
            if not known and not name.startswith(_BODY):
                parameter.rate = HEAD  # type: ignore[attr-defined]

    def rate(self, settings: Section) -> tuple[float, str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        return _tuning.rate(configs.block_weights(settings.origin.config))

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS)

    def batch(self, settings: Section) -> tuple[int, str]:
        assert isinstance(settings, Settings)
        return _language.rows_of_step(settings.context)

    def usual(self) -> Mapping[str, tuple[str, str]]:
        """As every other network has them."""
        return {}

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.origins import filling

        config, prefix, names = filling.laid_out(settings.origin.config)
        own = {}
        for name, values in weights.items():
            head, _, part = name.partition(".")
            if name.startswith(_BODY):
                own[f"{prefix}.{name.removeprefix(_BODY)}"] = values
            else:
                own[f"{names[head]}.{part}" if part else names[head]] = values
        return {configs.SUMMARY: settings.origin.summary, **config}, own


model = PretrainedMasked()
