"""The architecture of a pretrained network of images: what its `config.json` says, checked.

A network is told as stages of inverted residual blocks (Sandler et al., 2018), of which MobileNetV2 and the Lite
variants of EfficientNet (Tan and Le, 2019) are made:

    model_type      inverted-residuals
    image_size      pixels of a side on which it learned
    center, spread  of red, green and blue, from 0 to 255: what is taken off, and what the rest is divided by
    stem, head      filters of the first convolution, and of the last, which is the width of its vectors
    stages          for each: how much a block widens, its filters, how many blocks, the stride of the first, the kernel
    padding         `symmetric`, or `same` as TensorFlow pads: one place more behind than before where it is uneven
    epsilon         what is added to the variance of a normalisation

Nothing here imports torch; the network itself is in `inverted_residuals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luban.core.strict_json import shown

KINDS = ("inverted-residuals",)
"""Kinds that read images."""
PADDINGS = ("same", "symmetric")
MOST_STAGES, MOST_BLOCKS = 32, 200
SMALLEST_SIDE, LARGEST_SIDE = 32, 1_024
_FILTERS = (1, 8_192)
_STAGE = {"widening": (1, 16), "filters": _FILTERS, "blocks": (1, 64), "stride": (1, 2), "kernel": (1, 11)}
"""What a stage says, in its order, and from where to where."""


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The config with what decides the network, and nothing else. Raises ValueError, in words, for one not taken.

    >>> one = {"stem": 8, "head": 16, "stages": [[1, 8, 1, 1, 3]], "padding": "same", "epsilon": 1e-3}
    >>> pixels = {"image_size": 32, "center": [127, 127, 127], "spread": [128, 128, 128]}
    >>> sorted(checked({"model_type": "inverted-residuals", **one, **pixels, "labels": 1000}))
    ['center', 'epsilon', 'head', 'image_size', 'model_type', 'padding', 'spread', 'stages', 'stem']
    """
    kept: dict[str, Any] = {"model_type": document.get("model_type")}
    for name, (least, most) in {
        "stem": _FILTERS,
        "head": _FILTERS,
        "image_size": (SMALLEST_SIDE, LARGEST_SIDE),
    }.items():
        kept[name] = _whole(name, document.get(name), least, most)
    stages = document.get("stages")
    if not isinstance(stages, list) or not 1 <= len(stages) <= MOST_STAGES:
        raise ValueError(f"'stages' is no list of 1 to {MOST_STAGES} stages")
    kept["stages"] = [_stage(number, stage) for number, stage in enumerate(stages)]
    if sum(stage[2] for stage in kept["stages"]) > MOST_BLOCKS:
        raise ValueError(f"it has more than {MOST_BLOCKS} blocks")
    if document.get("padding") not in PADDINGS:
        raise ValueError(f"'padding' is {shown(document.get('padding'))}; {' and '.join(PADDINGS)} are known")
    kept["padding"] = document["padding"]
    kept["epsilon"] = _number("epsilon", document.get("epsilon"), 1e-8, 0.1)
    for name, lowest in (("center", 0.0), ("spread", 1e-3)):
        values = document.get(name)
        if not isinstance(values, list) or len(values) != 3:
            raise ValueError(f"'{name}' is no list of three numbers, for red, green and blue")
        kept[name] = [_number(name, value, lowest, 255.0) for value in values]
    return kept


def blocks(config: Mapping[str, Any]) -> int:
    """How many blocks follow each other."""
    return sum(stage[2] for stage in config["stages"])


def _stage(number: int, stage: Any) -> list[int]:
    if not isinstance(stage, list) or len(stage) != len(_STAGE):
        raise ValueError(f"stage {number} is no list of {len(_STAGE)} numbers: {', '.join(_STAGE)}")
    found = [
        _whole(f"{name} of stage {number}", value, *bounds)
        for value, (name, bounds) in zip(stage, _STAGE.items(), strict=True)
    ]
    if found[-1] % 2 == 0:
        raise ValueError(f"'kernel of stage {number}' is {found[-1]}; an odd one has a middle")
    return found


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"'{name}' is {shown(value)} instead of a whole number from {least:,} to {most:,}")
    return value


def _number(name: str, value: Any, least: float, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"'{name}' is {shown(value)} instead of a number from {least:g} to {most:g}")
    return float(value)
