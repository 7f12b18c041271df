"""Tabular transformer: each number of a row is a token, and the tokens look at each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from luban.models import _networks
from luban.models._transformer_settings import TransformerSettings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

WIDEST = 500
"""Numbers of a row; attention looks at each pair of them."""


class Settings(TransformerSettings):
    """What can be set about tabular transformers."""


@final
class TabularTransformer:
    """A token x_j w_j + b_j for each number, and one that answers, through a transformer (Gorishniy et al., 2021)."""

    name: ClassVar[str] = "tabular-transformer"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED
    takes: ClassVar[frozenset[str]] = frozenset({"vector"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()  # boosted trees are as good on most tables in a hundredth of the time

    def declines(self, work: Work) -> str | None:
        reason = _networks.declines(self.takes, work)
        widest = max((shape.size[0] for shape in _networks.shapes(work).values() if shape.kind == "vector"), default=0)
        if reason is None and widest > WIDEST:
            return f"it takes at most {WIDEST:,} columns, here are {widest:,}; mlp takes them."
        return reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._fused import fused
        from luban.models.tabular_transformer.network import NumberAttention

        asked = settings.model_dump()
        return fused(work, self.takes, lambda shape: NumberAttention(shape, **asked), settings.dropout)


model = TabularTransformer()
