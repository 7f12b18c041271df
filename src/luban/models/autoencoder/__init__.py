"""Autoencoder: encodes a row in few numbers and reconstructs it from them; what it reconstructs badly is unusual."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import Field

from luban.models import _networks
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn


class Settings(Section):
    """What can be set about autoencoders."""

    kind: Literal["plain", "denoising", "masked", "variational"] = "plain"
    """`denoising` draws clean rows of spoiled ones, `masked` whole ones of parts, `variational` has normal codes."""
    code: _networks.Units = 16
    """How many numbers say a row."""
    units: tuple[_networks.Units, ...] = Field((128, 64), min_length=1, max_length=8)
    """The units of each layer from a vector to its code; back to the vector they come in turn."""
    channels: tuple[_networks.Units, ...] = Field((16, 32), min_length=1, max_length=8)
    """The filters of each convolution from an image to its code; each one halves its sides."""
    activation: _networks.Activation = "relu"
    """What each unit makes of its sum."""
    noise: float = Field(0.3, ge=0, le=100)
    """Of `denoising`: the standard deviation of what is added to the standardised values while it trains."""
    hidden: float = Field(0.5, ge=0, lt=1)
    """Of `masked`: the share of the numbers of a row, or of the patches of an image, that it does not see."""
    divergence: float = Field(0.1, ge=0, le=1_000)
    """Of `variational`: how much the distance of the codes from a standard normal distribution weighs."""


@final
class Autoencoder:
    """code = f(x), drawn = g(code), trained so that the squared difference to x is small (Hinton, Salakhutdinov, 2006).

    Denoising: drawn = g(f(x + noise)) (Vincent et al., 2008). Masked: x is drawn from a part of it, of images without
    some of their patches (Pathak et al., 2016). Variational: the code is drawn at random from a normal
    distribution whose mean and variance f says (Kingma and Welling, 2014). The score of a row is how badly it is drawn:
    the higher, the stranger. Vectors go through fully connected layers, images through convolutions.
    """

    name: ClassVar[str] = "autoencoder"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = frozenset({"anomaly"})
    takes: ClassVar[frozenset[str]] = frozenset({"vector", "image"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        # Of a plain table a forest of random cuts tells as much in a hundredth of the time.
        if work.task not in self.tasks or "image" not in _networks.kinds(work) or self.declines(work):
            return ()
        return _networks.entry(1, self.name)

    def declines(self, work: Work) -> str | None:
        if _networks.kinds(work) - self.takes:
            return "it draws numbers and images; texts, series and sounds it cannot draw."
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.autoencoder.network import Reconstruction

        return Reconstruction(_networks.shapes(work), settings)


model = Autoencoder()
