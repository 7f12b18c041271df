"""Networks that learned which text belongs to which image (CLIP, Radford et al., 2021): two towers, one space.

    config.json                  model_type `clip`, with `text_config` and `vision_config`
    model.safetensors            the weights of both towers, their projections and the scale
    tokenizer.json               how texts are cut
    preprocessor_config.json     how images are resized, cut and standardised

The layers are those of the library `transformers`. A config is data of a stranger: its sizes are bounded, and weights
come from safetensors alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.core.strict_json import parse, shown
from luban.features import _given as given
from luban.origins import configs, layout, weighing
from luban.origins.vectors import of_length_one

if TYPE_CHECKING:
    pass

KIND = "clip"
IMAGES = "preprocessor_config.json"
LARGEST = {"image_size": 1_024, "patch_size": 1_024, "projection_dim": 16_384, "num_channels": 3}
"""Sizes beside those of `configs.LARGEST`."""
_CURE = "give a folder of CLIP as `transformers` wrote it, with config, weights, tokenizer and preprocessor_config.json"
_CENTER, _SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""What CLIP standardises by where its folder says nothing."""


def is_one(path: Path) -> bool:
    """Whether the folder holds two towers, of texts and of images."""
    file = path / layout.CONFIG
    return file.is_file() and layout.read_json(file).get("model_type") == KIND


@dataclass(frozen=True)
class Looking:
    """How an image becomes what the tower sees: the shorter side becomes `short` pixels, or both sides `size`, then the
    middle is cut out, `side` pixels high and wide. center, spread: of the channels, from 0 to 1.
    """

    short: int | None
    size: tuple[int, int]
    side: int
    center: tuple[float, ...]
    spread: tuple[float, ...]
    resample: int

    def pixels(self, picture: Any) -> Array:
        """(3, side, side) float32 of an image as pillow has it."""
        from PIL.Image import Resampling

        picture = picture.convert("RGB")
        width, height = picture.size
        if self.short is None:
            height, width = self.size
        elif width <= height:
            width, height = self.short, int(self.short * height / width)
        else:
            width, height = int(self.short * width / height), self.short
        picture = picture.resize((width, height), Resampling(self.resample))
        top, left = (height - self.side) // 2, (width - self.side) // 2
        cut = np.asarray(picture.crop((left, top, left + self.side, top + self.side)), np.float64)
        found = (cut / 255 - np.array(self.center)) / np.array(self.spread)
        return np.ascontiguousarray(np.moveaxis(found, 2, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Contrastive:
    """network: both towers. looking: how images are prepared. tokenizer: its content. begins, ends: the marks."""

    path: Path
    network: Any
    looking: Looking
    tokenizer: bytes
    begins: int
    ends: int
    longest: int

    def texts(self, texts: Sequence[str]) -> Array:
        """(texts, width) float64 of length 1."""
        import torch

        cutter, found = given.of_content(self.tokenizer).tokenizer, []
        for text in texts:
            (cut,) = given.cut(cutter, [text])
            numbers = [self.begins, *cut.ids[: self.longest - 2], self.ends]
            with torch.inference_mode():
                said = self.network.get_text_features(input_ids=torch.tensor([numbers]))
            found.append(_vectors(said)[0])
        return of_length_one(np.stack(found))

    def images(self, pixels: Array) -> Array:
        """(images, width) float64 of length 1. pixels: as `Looking.pixels` gives them."""
        import torch

        with torch.inference_mode():
            said = self.network.get_image_features(pixel_values=torch.from_numpy(pixels))
        return of_length_one(_vectors(said))

    @property
    def scale(self) -> float:
        """What cosines are multiplied by."""
        return float(self.network.logit_scale.detach().exp())


def _vectors(said: Any) -> Array:
    # Newer versions of the library wrap what goes into the common space.
    tensor = getattr(said, "pooler_output", said)
    return np.asarray(tensor.double().numpy())


def opened(path: Path) -> Contrastive:
    """The two towers in a folder. Raises UsageError, BundleError that names the file for what is not taken."""
    require("transformers", extra="nets", purpose="building a pretrained model")
    import torch
    from transformers import CLIPConfig, CLIPModel

    document = layout.read_json(path / layout.CONFIG)
    try:
        config = _checked(document)
        asked = CLIPConfig(**config)
        with torch.device("meta"):
            configs.bounded(CLIPModel(asked))
        network = CLIPModel._from_config(asked, attn_implementation="sdpa")
    except (ValueError, TypeError, ZeroDivisionError) as reason:
        what = f"this architecture is not taken: {str(reason)[:160]}."
        raise UsageError(what, where=str(path / layout.CONFIG), fix=_CURE) from None
    weights = layout.weights(layout.weight_files(path), path)
    weighing.put(network, {layout.bare(name): values for name, values in weights.items()})
    tokenizer = given.read(str(layout.tokenizer_file(path)))
    _, _, begins, ends, _ = layout.marks_of(path, parse(tokenizer))
    told: Any = asked.text_config
    longest = int(told.max_position_embeddings)
    return Contrastive(path, network.eval(), _looking(path, asked), tokenizer, begins, ends, longest)


def _checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The config with what decides the network. Raises ValueError, in words, for a size that is not taken."""
    found: dict[str, Any] = configs.plain({k: v for k, v in document.items() if k in ("projection_dim",)})
    for part in ("text_config", "vision_config"):
        own = document.get(part)
        if not isinstance(own, dict):
            raise ValueError(f"it has no '{part}'")
        found[part] = configs.plain(own)
    for name, most in LARGEST.items():
        for whole in (found, found["text_config"], found["vision_config"]):
            value = whole.get(name, 1)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise ValueError(f"'{name}' is {shown(value)}; from 1 to {most:,} is taken")
    return found


def _looking(path: Path, config: Any) -> Looking:
    told = layout.read_json(path / IMAGES) if (path / IMAGES).is_file() else {}
    where = str(path / IMAGES)
    side = int(config.vision_config.image_size)
    size = told.get("size", side)
    size = {"shortest_edge": size} if isinstance(size, int) else size
    short = size.get("shortest_edge") if isinstance(size, dict) else None
    both: tuple[Any, Any] = (
        (size.get("height"), size.get("width")) if isinstance(size, dict) and short is None else (side, side)
    )
    cut = told.get("crop_size", side)
    cut = cut.get("height") if isinstance(cut, dict) else cut
    resample = told.get("resample", 3)
    sides = [each for each in (short, *both) if each is not None]
    if cut != side or not all(isinstance(each, int) and side <= each <= 4 * side for each in sides) or None in both:
        raise UsageError(
            f"images of {shown(told.get('size'))} do not suit its tower of {side}.", where=where, fix=_CURE
        )
    channels = [told.get("image_mean", _CENTER), told.get("image_std", _SPREAD)]
    plain = all(len(each) == 3 and all(isinstance(value, int | float) for value in each) for each in channels)
    if not plain or min(channels[1]) <= 0 or resample not in range(6):
        raise UsageError("it does not say how images are standardised.", where=where, fix=_CURE)
    center, spread = (tuple(float(value) for value in each) for each in channels)
    return Looking(short, both, side, center, spread, resample)
