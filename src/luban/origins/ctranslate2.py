"""The file `model.bin` of the library CTranslate2, read as data: its tensors as float32, and its settings as numbers.

A file holds its version, the name of its layout, how many tensors there are, and each of them behind its name, shape
and kind; then which names are others of a tensor. Tensors of whole numbers have their scales beside them: a number is
the stored one over the scale of its row, or of all. Every count is bounded and every place lies inside the file before
anything is read. What the tensors mean is in `from_ctranslate2`.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from luban.batch import Array
from luban.origins.binary import Reader, Tensor

NAME = "model.bin"
VERSIONS = (4, 6)
"""Those whose layout this is, from and to."""
MOST_TENSORS, MOST_SIDES, MOST_LETTERS = 20_000, 4, 1_000
SCALE = "_scale"
"""How the name of the scales of a tensor ends."""
_KINDS = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2", 5: "<u2"}
"""By the number of the kind; the last one are the upper halves of float32."""
_UPPER_HALVES = 5
_CURE = "give a folder that CTranslate2 or `transformers` wrote"


@dataclass(frozen=True, eq=False)
class File:
    """A file that was opened. layout: what its tensors are those of. tensors: by name, those with no side as well."""

    path: Path
    layout: str
    tensors: Mapping[str, Tensor]
    bytes_: mmap.mmap

    def weights(self, name: str) -> Array:
        """A tensor as float32, its scales put in."""
        values = self._numbers(name).astype(np.float32)
        if name + SCALE not in self.tensors:
            return values
        scales = self._numbers(name + SCALE).astype(np.float32)
        if scales.size not in (1, len(values)) or not (np.isfinite(scales) & (scales > 0)).all():
            raise _Reader.refused(self.path, f"the scales of '{name[:80]}' do not fit it")
        found: Array = values / scales.reshape(-1, *(1,) * (values.ndim - 1))
        return found

    def number(self, name: str) -> int:
        """A setting. Raises UsageError where there is none of this name."""
        if name not in self.tensors or self.tensors[name].shape != ():
            raise _Reader.refused(self.path, f"it does not say '{name}', a number")
        return int(self._numbers(name))

    def _numbers(self, name: str) -> Array:
        tensor = self.tensors[name]
        kind = np.dtype(_KINDS[tensor.kind])
        raw = np.frombuffer(self.bytes_, kind, math.prod(tensor.shape), tensor.start).reshape(tensor.shape)
        if tensor.kind == _UPPER_HALVES:
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw


def opened(path: Path) -> File:
    """The file of this place, all but its numbers read and checked. Raises UsageError that says what is wrong."""
    reader = _Reader.of(path)
    version = reader.number("I")
    if not VERSIONS[0] <= version <= VERSIONS[1]:
        raise _Reader.refused(path, f"its version is {version:,}, and {VERSIONS[0]} to {VERSIONS[1]} are known")
    layout = reader.text()
    reader.number("I")
    tensors = {}
    for _ in range(reader.count("tensors")):
        name = reader.text()
        tensors[name] = reader.tensor(name)
    for _ in range(reader.count("further names")):
        other, name = reader.text(), reader.text()
        if name not in tensors:
            raise _Reader.refused(path, f"'{other[:80]}' is another name of '{name[:80]}', which it does not hold")
        tensors[other] = tensors[name]
    return File(path, layout, tensors, reader.bytes_)


def is_one(path: Path, layout: str) -> bool:
    """Whether a file begins as those of this layout do: nothing else of it is looked at.

    A pickle begins with a byte of 128, and an archive with `PK`, so no version of either passes for one.
    """
    try:
        with path.open("rb") as file:
            head = file.read(6 + len(layout))
    except OSError:
        return False
    if len(head) < 6 + len(layout):
        return False
    version, length = struct.unpack("<IH", head[:6])
    return version <= 1_000 and length == len(layout) + 1 and head[6:] == layout.encode()


@final
class _Reader(Reader):
    """What is read next."""

    part: ClassVar[str] = "it"
    cure: ClassVar[str] = _CURE

    def count(self, what: str) -> int:
        found: int = self.number("I")
        if found > MOST_TENSORS:
            raise self.refused(self.path, f"it says that it holds {found:,} {what}; at most {MOST_TENSORS:,} are taken")
        return found

    def text(self) -> str:
        """A name, whose end is a byte of 0."""
        length = self.number("H")
        if not 1 <= length <= MOST_LETTERS:
            raise self.refused(self.path, f"it has a name of {length:,} letters")
        return self.take(length)[:-1].decode("utf-8", errors="replace")

    def tensor(self, name: str) -> Tensor:
        sides = self.number("B")
        if sides > MOST_SIDES:
            raise self.refused(self.path, f"'{name[:80]}' has {sides:,} sides")
        shape = tuple(self.number("I") for _ in range(sides))
        kind, count, start = self.number("B"), self.number("I"), self.place
        if kind not in _KINDS:
            raise self.refused(self.path, f"'{name[:80]}' is written in a way that is not known (kind {kind})")
        if math.prod(shape) * np.dtype(_KINDS[kind]).itemsize != count or count > len(self.bytes_) - start:
            raise self.refused(self.path, f"'{name[:80]}' of the shape {shape} does not lie inside the file")
        self.place += count
        return Tensor(shape, kind, start)
