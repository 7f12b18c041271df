"""Fine-tuning: a text encoder that was pretrained on other texts goes on learning from these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks, _pretrained
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

RATE = 5e-5
"""The learning rate of a body (Devlin et al., 2019, took 2e-5 to 5e-5)."""
HEAD = 20.0
"""How many times as fast a fresh head learns as the topmost block."""
FEWEST_EPOCHS, MOST_EPOCHS = 3, 10


class Settings(_pretrained.Beginning):
    """What can be set about fine-tuning."""

    frozen: int = Field(0, ge=0, le=200)
    """So many blocks from below stay as they were pretrained, and the embeddings with them."""
    layer_decay: float = Field(0.9, gt=0, le=1)
    """How much slower each block learns than the one above it (Howard and Ruder, 2018)."""
    unit: bool = False
    """Whether each text's vector is brought to length 1, so that only its direction counts."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the vector of a text that the head does without, while it trains."""


@final
class PretrainedText:
    """A pretrained encoder, and a fresh linear head on the vector of each text (Devlin et al., 2019).

    Lower blocks learn more slowly, and the head faster, than the topmost block.
    """

    name: ClassVar[str] = _pretrained.OF_TEXTS
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED | {_networks.SPANS}
    takes: ClassVar[frozenset[str]] = frozenset({"tokens"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        # There is nothing to begin from unless a person names it.
        return ()

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._fused import fused
        from luban.models._pretrained_encoder import PretrainedEncoder

        origin = settings.origin
        _pretrained.reads(origin.config, "tokens")

        def encoder(_: object) -> nn.Module:
            return PretrainedEncoder(
                origin.config,
                origin.marks,
                origin.summary,
                unit=settings.unit,
                dropout=settings.dropout,
                pairs=_networks.spans(work),
            )

        return fused(work, self.takes, encoder, settings.dropout if _networks.spans(work) else 0.0)

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        _pretrained.begin(module, settings.origin, frozen=settings.frozen, decay=settings.layer_decay, head=HEAD)

    def rate(self) -> tuple[float, str]:
        return RATE, "the usual one for weights that were pretrained"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS)


model = PretrainedText()
