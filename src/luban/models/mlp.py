"""Multilayer perceptron: fully connected layers, the plainest network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

WIDEST = 5_000
"""Numbers of a row; the first layer has as many weights for each unit."""


class Settings(Section):
    """What can be set about the multilayer perceptron."""

    units: tuple[_networks.Units, ...] = Field((64, 32), min_length=1, max_length=8)
    """The units of each hidden layer."""
    activation: _networks.Activation = "relu"
    """What each unit makes of its sum."""
    normalisation: _networks.Normalisation = "none"
    """By the rows of a batch, or within each row."""
    dropout: _networks.Share = 0.0
    """Share of the units that are set to 0 behind each layer, while it trains."""


@final
class MultilayerPerceptron:
    """h' = dropout(activation(normalise(W h + b))) for each hidden layer, then W h + b (Rumelhart et al., 1986).

    h: (rows, units). Vectors are taken as they are, images with all of their pixels side by side.
    """

    name: ClassVar[str] = "mlp"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.STEPWISE
    takes: ClassVar[frozenset[str]] = frozenset({"vector", "image"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        only_numbers = _networks.kinds(work) == {"vector"}
        if not only_numbers or work.sparse or work.rows > 100_000 or work.width > 2_000 or self.declines(work):
            return ()
        return _networks.entry(10, self.name)

    def declines(self, work: Work) -> str | None:
        reason = _networks.declines(self.takes, work)
        widest = max((shape.size[0] for shape in _networks.shapes(work).values() if shape.kind == "vector"), default=0)
        if reason is None and widest > WIDEST:
            return f"it takes at most {WIDEST:,} columns, here are {widest:,}; linear takes them."
        return reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._dense import encoder
        from luban.models._fused import fused

        asked = settings.model_dump()
        return fused(work, self.takes, lambda shape: encoder(shape, **asked), settings.dropout)


model = MultilayerPerceptron()
