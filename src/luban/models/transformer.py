"""Transformer encoder: each step of a text or a series looks at all others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from luban.models import _networks
from luban.models._transformer_settings import TransformerSettings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

MANY_TEXTS = 20_000
"""Rows from which attention, which begins with no idea of order, has learned it."""


class Settings(TransformerSettings):
    """What can be set about transformer encoders."""

    positions: Literal["rotary", "learned"] = "rotary"
    """`rotary` turns by distance and knows no longest row; `learned` has a vector for each place."""
    summary: _networks.Summary = "mean"
    """What of all the states the answer is made from."""


@final
class Transformer:
    """Pre-normalised blocks of self-attention and a feed-forward layer (Vaswani et al., 2017; Xiong et al., 2020).

    attention(x) = softmax(Q K' / sqrt(d)) V, over the own steps of each row; padding is never looked at.
    """

    name: ClassVar[str] = "transformer"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.STEPWISE | {_networks.TAGGING, _networks.SPANS}
    takes: ClassVar[frozenset[str]] = frozenset({"tokens", "words", "sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        large = work.rows >= MANY_TEXTS and "tokens" in _networks.kinds(work)
        return _networks.entry(16, self.name) if large and not self.declines(work) else ()

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._fused import fused
        from luban.models._step_attention import StepAttention

        asked = settings.model_dump()
        return fused(work, self.takes, lambda shape: StepAttention(shape, **asked), settings.dropout)


model = Transformer()
