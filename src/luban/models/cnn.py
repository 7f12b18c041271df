"""Convolutional network: filters that find the same pattern anywhere in an image, a text or a series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks
from luban.protocols import Entry, Shape, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn


CHANNELS, UNITS = (32, 64, 128), (128,)
"""The convolutions, and the fully connected layers behind them, of images and series."""
CHANNELS_OF_TEXTS, UNITS_OF_TEXTS = (128,), ()
"""Those of texts (Kim, 2014): few texts teach which words stand side by side, and no patterns of such patterns."""


class Settings(Section):
    """What can be set about convolutional networks."""

    channels: Annotated[tuple[_networks.Units, ...], Field(min_length=1, max_length=12)] | Literal["auto"] = "auto"
    """The filters of each convolution; behind each one the maps shrink by half. `auto` has three of 32, 64 and 128, and
    of texts one of 128."""
    kernel: _networks.Kernel = 3
    """Places that a filter looks at, along each axis."""
    pooling: _networks.Pooling = "max"
    """Whether the largest or the mean of neighbouring places goes on."""
    units: Annotated[tuple[_networks.Units, ...], Field(max_length=8)] | Literal["auto"] = "auto"
    """The units of each fully connected layer behind the convolutions. `auto` has one of 128, and of texts none."""
    activation: _networks.Activation = "relu"
    """What each unit makes of its sum."""
    normalisation: _networks.Normalisation = "batch"
    """By the rows of a batch, or within each row."""
    embedding: _networks.Units = 64
    """How many numbers a token of a text becomes."""
    dropout: _networks.Share = 0.3
    """Share of what is set to 0 before and behind the fully connected layers, while it trains."""


@final
class ConvolutionalNetwork:
    """Convolution, normalisation, activation and pooling, repeated, then fully connected layers (LeCun et al., 1998).

    Images (rows, channels, height, width) over two axes, tokens and sequences (rows, length) over time (Kim, 2014).
    """

    name: ClassVar[str] = "cnn"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = _networks.STEPWISE
    takes: ClassVar[frozenset[str]] = frozenset({"image", "tokens", "sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        # Where there are words only, linear models on counted words are quick and hard to beat: they go first.
        order = 2 if _networks.kinds(work) & {"image", "sequence"} else 6
        return () if self.declines(work) or _networks.too_few(work) else _networks.entry(order, self.name)

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._convolution import Convolutions, encoder
        from luban.models._fused import fused

        def of(shape: Shape) -> nn.Module:
            told = settings.model_dump()
            texts = shape.kind == "tokens"
            if settings.channels == "auto":
                told["channels"] = CHANNELS_OF_TEXTS if texts else CHANNELS
            if settings.units == "auto":
                told["units"] = UNITS_OF_TEXTS if texts else UNITS
            return encoder(shape, Convolutions(**told))

        return fused(work, self.takes, of, settings.dropout)


model = ConvolutionalNetwork()
