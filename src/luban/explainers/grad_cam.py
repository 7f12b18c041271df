"""Grad-CAM: where in an image a convolutional network finds what speaks for its answer.

The maps behind the last convolutions, each weighed by the mean gradient of the answer, added up, without what speaks
against the answer (Selvaraju et al., 2017, arXiv 1610.02391). The maps are coarse, so they are drawn over the whole
image; a region has the mean of what is drawn there. It says where, not how much: values have no unit and do not sum up
to the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.explainers import _network, _positions
from luban.explainers._network import Function
from luban.protocols import Attributed, Effort, Subject

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 7
"""Places that a side of the maps has at least, where a network has such maps: as many as the last ones of a residual
network have of the pictures that the paper looks at; fewer say little of where."""


@final
class GradCam:
    """The maps of the last convolutions."""

    name: ClassVar[str] = "grad-cam"

    def declines(self, subject: Subject) -> str | None:
        reason = _network.declines(subject)
        if reason is not None:
            return reason
        images = _images(subject)
        other = next((unit.column for units in subject.units for unit in units if unit.column not in images), None)
        if other is not None:
            return f"it is for images, and '{other}' is none; integrated-gradients takes all that networks see."
        if not all(any(map(_convolves, form.module.modules())) for form, _ in _network.reading(subject)):
            return "the network has no convolution that goes over an image; integrated-gradients needs none."
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        found = []
        for game in range(len(subject.units)):
            asked = _network.explained(subject, game)
            drawn = [_drawn(each, name, subject.count) for each in asked.functions for name in _parts(subject)]
            told = "where, not how much: no unit, and no sum of the answer"
            found.append(asked.told(subject, np.sum(drawn, axis=0), len(drawn), text=told))
        return found


def _images(subject: Subject) -> set[str]:
    return {
        part.column for part in _positions.columns(subject.inside.encoder).values() if part and part.kind == "image"
    }


def _parts(subject: Subject) -> list[str]:
    """The names of the parts that are images."""
    parts = _positions.columns(subject.inside.encoder)
    return [name for name, part in parts.items() if part is not None and part.kind == "image"]


def _convolves(module: Any) -> bool:
    """Whether it goes over an image in steps smaller than what it looks at; what cuts patches does not."""
    from torch import nn

    return isinstance(module, nn.Conv2d) and module.kernel_size[0] > module.stride[0]


def _drawn(function: Function, name: str, units: int) -> Array:
    """(units,) the mean of what is drawn over each region of the image in this part."""
    import torch
    from torch.nn import functional

    maps, slopes = _maps(function, name)
    weights = slopes.mean(dim=(2, 3), keepdim=True)
    coarse = torch.relu((weights * maps).sum(dim=1, keepdim=True))
    unit = function.places[name].unit[0]
    drawn = functional.interpolate(coarse, size=unit.shape, mode="bilinear", align_corners=False)[0, 0]
    known = unit >= 0
    sums = np.bincount(unit[known], weights=drawn.detach().double().numpy()[known], minlength=units)
    return np.asarray(sums / np.maximum(np.bincount(unit[known], minlength=units), 1))


def _maps(function: Function, name: str) -> tuple[Tensor, Tensor]:
    """The last maps, (1, maps, height, width), with at least `SIDE` places a side where there are such, and the
    gradient of the answer there.
    """
    import torch

    kept: list[Tensor] = []

    def keep(module: Any, _: Any, out: Any) -> None:
        begun = kept or _convolves(module)
        if begun and isinstance(out, torch.Tensor) and out.ndim == 4 and out.requires_grad:
            kept.append(out)

    reads = _network.encoder(function.module, name) or function.module
    hooks = [module.register_forward_hook(keep) for module in reads.modules()]
    try:
        answer = function({each: values[None].requires_grad_() for each, values in function.here.items()})
    finally:
        for hook in hooks:
            hook.remove()
    large = [each for each in kept if min(each.shape[2:]) >= SIDE] or kept[:1]
    (slopes,) = torch.autograd.grad(answer.sum(), [large[-1]])
    return large[-1].detach(), slopes


explainer = GradCam()
