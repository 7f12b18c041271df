"""Changes of training rows that a person would still answer alike. Never applied to rows that measure or stop.

name      what it changes    strength
crop      images             share of the side by which an image is moved at most; what is uncovered is black
flip      images             chance of being mirrored left to right
rotate    images             degrees by which an image is turned at most
cutout    images             share of the side of a black square (DeVries and Taylor, 2017)
light     images             how far brightness and contrast go at most, as a share
random    images             share of the strengths in STRONGEST; two of these for each image (RandAugment, Cubuk et
                             al., 2020)
mask      sequences          share of the steps, and of the channels, that are blanked (SpecAugment, Park et al., 2019)
shift     sequences          share of the length by which a sequence is moved round at most
noise     sequences, tables  standard deviation of what is added, in that of the channel
drop      tokens             share of tokens that become the unknown one
mixup     images, tables     alpha of the Beta distribution of the share of another row (Zhang et al., 2018)

All draw from torch's random state, which a checkpoint holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean
from luban.protocols import Shape, Work
from luban.recipe.recipe import Train
from luban.training import packing
from luban.training.gathering import Part

if TYPE_CHECKING:
    from torch import Tensor

MIXUP = "mixup"
STRONGEST = {"crop": 0.25, "rotate": 30.0, "light": 0.5, "cutout": 0.4}
"""What `random` draws from, and how strong each is where the strength is 1."""
DRAWN = 2
"""Changes that `random` makes to each image."""
UNKNOWN = 1
"""The token of what no training row has."""


def augmented(part: Part, train: Train, work: Work) -> Part:
    """The rows, changed as the recipe says."""
    if not train.augment:
        return part
    assert isinstance(train.augment, dict), "what is changed is decided"
    tensors = dict(part.tensors)
    for name, strength in train.augment.items():
        if name == MIXUP:
            continue
        change = CHANGES[name]
        for place, shape in work.shapes.items():
            if shape.kind in change.kinds:
                tensors[place] = change.apply(tensors[place], strength, shape, tensors.get(f"{place}.lengths"))
    changed = replace(part, tensors=tensors)
    return _mixed(changed, train.augment[MIXUP], work) if MIXUP in train.augment else changed


def usual(work: Work) -> tuple[dict[str, float], str]:
    """What `auto` becomes for this work, and why: only what keeps the answer whatever the rows are."""
    kinds = {shape.kind for shape in work.shapes.values()}
    found = {}
    if "image" in kinds:
        found["crop"] = 0.08
    # Who writes a text anew, looks for a piece of it, or learns how texts go on, needs every word of it.
    exact = work.task in ("sequence-to-sequence", "question-answering") or packing.packs(work.task)
    if "tokens" in kinds and not exact:
        found["drop"] = 0.1
    if "sequence" in kinds:
        found["mask"] = 0.1
    if not found:
        return {}, "no column has a change that keeps the answer whatever the rows are"
    told = {"crop": "a moved image", "drop": "a text without a word", "mask": "a sequence with a gap"}
    return found, f"{' and '.join(told[name] for name in found)} has the answer of the whole"


def check(augment: dict[str, float], work: Work) -> None:
    """Raises UsageError for a change that there is not, that nothing here takes, or whose strength makes no sense."""
    kinds = {shape.kind for shape in work.shapes.values()}
    for name, strength in augment.items():
        where = f"train.augment.{name}"
        if name != MIXUP and name not in CHANGES:
            raise UsageError(f"no change is called '{name}'. {did_you_mean(name, [*CHANGES, MIXUP])}", where=where)
        fitting = MIXED if name == MIXUP else CHANGES[name].kinds
        if not kinds & fitting or (name == MIXUP and not kinds <= MIXED):
            raise UsageError(
                f"'{name}' changes {' and '.join(sorted(fitting))}, and the rows hold {' and '.join(sorted(kinds))}.",
                where=where,
                fix="--set train.augment=auto",
            )
        if name == MIXUP and work.targets:
            raise UsageError(
                "classes and values of several targets are not mixed.", where=where, fix="--set train.augment=auto"
            )
        if not isinstance(strength, int | float) or not 0 < strength <= (180 if name == "rotate" else 1):
            raise UsageError(
                f"the strength of '{name}' cannot be {strength!r}.", where=where, fix="a number from 0 to 1"
            )


@dataclass(frozen=True)
class Change:
    """A change of one tensor. kinds: of the shapes that it takes. apply: `apply(values, strength, shape, lengths)`."""

    kinds: frozenset[str]
    apply: Callable[[Tensor, float, Shape, Tensor | None], Tensor]


def _crop(images: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch
    from torch.nn import functional

    most = max(1, round(strength * max(shape.size[1:])))
    rows, _, height, width = images.shape
    padded = functional.pad(images, (most, most, most, most))
    down, right = (torch.randint(0, 2 * most + 1, (rows, 1)) for _ in range(2))
    at_row, at_column = down + torch.arange(height), right + torch.arange(width)
    # (rows, height, width, channels): indexed axes come first.
    moved = padded[torch.arange(rows)[:, None, None], :, at_row[:, :, None], at_column[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


def _flip(images: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    mirrored = torch.rand(len(images)) < strength
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def _rotate(images: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch
    from torch.nn import functional

    angle = (torch.rand(len(images)) * 2 - 1) * math.radians(strength)
    ratio = shape.size[1] / shape.size[2]
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros(len(images))
    turned = torch.stack([cosine, -sine * ratio, zero, sine / ratio, cosine, zero], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(turned, list(images.shape), align_corners=False)
    return functional.grid_sample(images.float(), grid, align_corners=False).round().to(images.dtype)


def _cutout(images: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    rows, _, height, width = images.shape
    inside = []
    for axis, size in ((0, height), (1, width)):
        side = max(1, round(strength * size))
        first = torch.randint(0, size - side + 1, (rows, 1))
        places = torch.arange(size)
        hidden = (places >= first) & (places < first + side)
        inside.append(hidden[:, :, None] if axis == 0 else hidden[:, None, :])
    return images.masked_fill((inside[0] & inside[1])[:, None], 0)


def _light(images: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    contrast, brightness = ((torch.rand(len(images), 1, 1, 1) * 2 - 1) * strength for _ in range(2))
    values = images.float()
    middle = values.mean(dim=(1, 2, 3), keepdim=True)
    return ((values - middle) * (1 + contrast) + middle + 255 * brightness).clamp(0, 255).round().to(images.dtype)


def _random(images: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    changed = images.clone()
    for _ in range(DRAWN):
        drawn = torch.randint(0, len(STRONGEST), (len(images),))
        for number, (name, strongest) in enumerate(STRONGEST.items()):
            rows = drawn == number
            if rows.any():
                changed[rows] = CHANGES[name].apply(changed[rows], strength * strongest, shape, None)
    return changed


def _mask(steps: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    assert lengths is not None, "sequences have lengths"
    width = (torch.rand(len(steps)) * strength * lengths).long()
    first = (torch.rand(len(steps)) * (lengths - width)).long()
    places = torch.arange(steps.shape[1])
    hidden = (places >= first[:, None]) & (places < (first + width)[:, None])
    blank = torch.tensor(shape.center) if shape.center else torch.zeros(steps.shape[2])
    masked = torch.where(hidden[:, :, None], blank, steps)
    channels = steps.shape[2]
    if channels < 8:
        return masked
    band = (torch.rand(len(steps)) * strength * channels).long()
    start = (torch.rand(len(steps)) * (channels - band)).long()
    number = torch.arange(channels)
    silent = (number >= start[:, None]) & (number < (start + band)[:, None])
    return torch.where(silent[:, None, :], blank, masked)


def _shift(steps: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    assert lengths is not None, "sequences have lengths"
    by = (torch.rand(len(steps)) * strength * lengths).long()
    places = torch.arange(steps.shape[1])[None, :]
    own = places < lengths[:, None]
    moved = torch.where(own, (places + by[:, None]) % lengths[:, None].clamp(min=1), places)
    return torch.gather(steps, 1, moved[:, :, None].expand_as(steps))


def _noise(values: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    spread = torch.tensor(shape.spread) if shape.spread else torch.ones(values.shape[-1])
    noisy = values + torch.randn_like(values) * strength * spread
    if lengths is None:
        return noisy
    own = torch.arange(values.shape[1])[None, :] < lengths[:, None]
    return torch.where(own[:, :, None], noisy, values)


def _drop(tokens: Tensor, strength: float, shape: Shape, lengths: Tensor | None) -> Tensor:
    import torch

    # The tokens up to 4 are no words: padding, start, end and the like.
    dropped = (torch.rand(tokens.shape) < strength) & (tokens > 4)
    return tokens.masked_fill(dropped, UNKNOWN)


def _mixed(part: Part, alpha: float, work: Work) -> Part:
    """Each row with a share of another one, and its target alike."""
    import torch
    from torch.nn import functional

    # Gammas make a Beta; torch draws these by the state that a checkpoint holds.
    one, other = (torch._standard_gamma(torch.tensor(alpha)) for _ in range(2))
    share = float(one / (one + other)) if float(one + other) > 0 else 1.0
    order = torch.randperm(len(part.target))
    tensors = {name: values.float().lerp(values[order].float(), 1 - share) for name, values in part.tensors.items()}
    target = part.target
    if target.dtype == torch.int64:
        target = functional.one_hot(target, work.outputs)
    target = target.float().lerp(target[order].float(), 1 - share)
    return replace(part, tensors=tensors, target=target)


_IMAGES, _SEQUENCES, _TOKENS = frozenset({"image"}), frozenset({"sequence"}), frozenset({"tokens"})
MIXED = frozenset({"image", "vector"})
CHANGES = {
    "crop": Change(_IMAGES, _crop),
    "flip": Change(_IMAGES, _flip),
    "rotate": Change(_IMAGES, _rotate),
    "cutout": Change(_IMAGES, _cutout),
    "light": Change(_IMAGES, _light),
    "random": Change(_IMAGES, _random),
    "mask": Change(_SEQUENCES, _mask),
    "shift": Change(_SEQUENCES, _shift),
    "noise": Change(_SEQUENCES | {"vector"}, _noise),
    "drop": Change(_TOKENS, _drop),
}
