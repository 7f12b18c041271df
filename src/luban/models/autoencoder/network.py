"""The network of an autoencoder: from rows to codes and back, the loss of each row, and how strange it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from luban.models._dense import Dense
from luban.models._layers import ACTIVATIONS, Standardise, convolution, initialised, linear
from luban.protocols import Shape

PATCH = 4
"""Pixels of a side of the patches of an image that are hidden."""


@final
class Reconstruction(nn.Module):
    """One code for all parts of a row; each part has a way to it and a way back.

    forward(inputs): (rows, 1) the loss of each row. While it trains that is what is minimised, with noise, gaps or
    random codes where the kind has them; when it answers it is the score of a row, from the mean code of the whole row.
    """

    def __init__(self, shapes: Mapping[str, Shape], settings: Any) -> None:
        super().__init__()
        self.names, self.kind = tuple(shapes), settings.kind
        self.noise, self.divergence, self.hidden = settings.noise, settings.divergence, settings.hidden
        self.read = nn.ModuleList(
            Standardise(shape, after=2 if shape.kind == "image" else 0) for shape in shapes.values()
        )
        ways = [(_Image if shape.kind == "image" else _Vector)(shape, settings) for shape in shapes.values()]
        self.ways = nn.ModuleList(ways)
        self.widths = [way.width for way in ways]
        self.sizes = [prod(shape.size) for shape in shapes.values()]
        numbers = settings.code * (2 if self.kind == "variational" else 1)
        self.to_code = linear(sum(self.widths), numbers)
        self.from_code = nn.Sequential(
            linear(settings.code, sum(self.widths), settings.activation), ACTIVATIONS[settings.activation]()
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        values = self.standardised(inputs)
        seen = values
        if self.training and self.kind == "denoising":
            seen = [value + self.noise * torch.randn_like(value) for value in values]
        if self.training and self.kind == "masked":
            seen = [without(value, self.hidden) for value in values]
        mean, log_variance = self._distribution(seen)
        code = mean
        if self.training and log_variance is not None:
            # A random code that has a gradient: the mean, and a standard normal number times the deviation.
            code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        loss = self._error(values, self.decode(code))
        if self.training and log_variance is not None:
            loss = loss + self.divergence * divergence(mean, log_variance)
        return loss[:, None]

    def standardised(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """The parts as they are drawn: standardised by their channels."""
        return [read(inputs[name]) for name, read in zip(self.names, self.read, strict=True)]

    def encode(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows, code) the features of rows: their codes, of `variational` the means."""
        return self._distribution(self.standardised(inputs))[0]

    def forget_drawing(self) -> None:
        """Takes away all that draws rows again; what is left says codes, and nothing else."""
        self.from_code = None  # type: ignore[assignment]
        for way in self.ways:
            way.forget_drawing()  # type: ignore[operator]

    def decode(self, code: Tensor) -> list[Tensor]:
        """What is drawn from codes (rows, code): each part, standardised."""
        parts = self.from_code(code).split(self.widths, dim=1)
        ways: Any = self.ways
        return [way.back(part) for way, part in zip(ways, parts, strict=True)]

    def reconstruct(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each part by name as it is drawn again, in its own units."""
        drawn, standards = self.decode(self.encode(inputs)), cast("Iterable[Standardise]", self.read)
        return {
            name: part * read.spread + read.center
            for name, part, read in zip(self.names, drawn, standards, strict=True)
        }

    def score(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows,) the mean squared difference between the standardised values and what is drawn, the score of a row."""
        values = self.standardised(inputs)
        return self._error(values, self.decode(self._distribution(values)[0]))

    def _distribution(self, values: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        """(rows, code) the mean of the code, and the logarithm of its variance where the kind has one."""
        found = torch.cat([way(value) for way, value in zip(self.ways, values, strict=True)], dim=1)
        numbers = self.to_code(found)
        if self.kind != "variational":
            return numbers, None
        mean, log_variance = numbers.chunk(2, dim=1)
        return mean, log_variance.clamp(-10.0, 10.0)

    def _error(self, values: list[Tensor], drawn: list[Tensor]) -> Tensor:
        sums = [(value - part).square().flatten(1).sum(dim=1) for value, part in zip(values, drawn, strict=True)]
        return torch.stack(sums).sum(dim=0) / sum(self.sizes)


def without(values: Tensor, share: float) -> Tensor:
    """The standardised values with a share of them at their mean, 0: numbers of a vector, or square patches of an image
    in all of its channels.

    >>> without(torch.ones(2, 3), 0.0).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if values.ndim == 2:
        return values.masked_fill(torch.rand_like(values) < share, 0.0)
    rows, _, *sides = values.shape
    patches = [-(-side // PATCH) for side in sides]
    hidden = (torch.rand(rows, 1, *patches, device=values.device) < share).repeat_interleave(PATCH, dim=2)
    hidden = hidden.repeat_interleave(PATCH, dim=3)[:, :, : sides[0], : sides[1]]
    return values.masked_fill(hidden, 0.0)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(rows,) of N(mean, variance) from N(0, 1), the mean over the numbers of a code (Kullback and Leibler, 1951).

    >>> divergence(torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1)).tolist()
    [0.0, 0.5]
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(dim=1)


@final
class _Vector(nn.Module):
    """A vector through fully connected layers, and back."""

    def __init__(self, shape: Shape, settings: Any) -> None:
        super().__init__()
        self.there = Dense(shape.size[0], settings.units, activation=settings.activation)
        self.width = self.there.width
        self.here = Dense(self.width, settings.units[-2::-1], activation=settings.activation)
        self.draw = linear(self.here.width, shape.size[0])

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.there(values)
        return found

    def forget_drawing(self) -> None:
        del self.here, self.draw

    def back(self, found: Tensor) -> Tensor:
        drawn: Tensor = self.draw(self.here(found))
        return drawn


@final
class _Image(nn.Module):
    """An image through convolutions that halve its sides, and back by transposed ones, cut to its size."""

    def __init__(self, shape: Shape, settings: Any) -> None:
        super().__init__()
        channels, *sides = shape.size
        self.sides = sides
        activation = ACTIVATIONS[settings.activation]
        there: list[nn.Module] = []
        here: list[nn.Module] = []
        for layer, (before, after) in enumerate(zip((channels, *settings.channels), settings.channels, strict=False)):
            there += [convolution(2, before, after, 3, settings.activation, stride=2), activation()]
            enlarge = nn.ConvTranspose2d(after, before, 4, stride=2, padding=1)
            if layer == 0:  # which draws the image: any number may come out
                here = [initialised(enlarge, "none")]
            else:
                here = [initialised(enlarge, settings.activation), activation(), *here]
            sides = [(side + 1) // 2 for side in sides]
        self.there, self.here = nn.Sequential(*there), nn.Sequential(*here)
        self.size = (settings.channels[-1], *sides)
        self.width = prod(self.size)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.there(values).flatten(1)
        return found

    def forget_drawing(self) -> None:
        del self.here

    def back(self, found: Tensor) -> Tensor:
        drawn: Tensor = self.here(found.unflatten(1, self.size))
        return drawn[:, :, : self.sides[0], : self.sides[1]]
