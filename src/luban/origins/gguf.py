"""GGUF, the file of llama.cpp, read as data: its values by key, and its tensors as float32.

A file holds a header (keys with values, then the name, shape, kind and place of each tensor) and the numbers behind it.
Every count is bounded and every place lies inside the file before anything is read, so a file of a stranger costs no
more than it weighs. What the values mean is in `from_gguf`.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.origins.binary import Reader, Tensor

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_KEYS, MOST_TENSORS, MOST_IN_A_LIST, MOST_BYTES_OF_A_TEXT = 10_000, 20_000, 4_000_000, 1 << 20
MOST_SIDES = 4
BLOCK = 32
"""Weights that share a scale."""
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_CURE = "give a whole GGUF file of a Llama in F32, F16, BF16, Q8_0, Q4_0 or Q4_1, or a folder that `transformers` wrote"


@dataclass(frozen=True, eq=False)
class Gguf:
    """A file that was opened. values: what the header says. tensors: by name."""

    path: Path
    values: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    bytes_: mmap.mmap

    def weights(self, name: str) -> Array:
        """A tensor as float32."""
        tensor = self.tensors[name]
        bytes_each, read = KINDS[tensor.kind]
        blocks = math.prod(tensor.shape) // (1 if bytes_each <= 4 else BLOCK)
        raw = np.frombuffer(self.bytes_, np.uint8, blocks * bytes_each, tensor.start)
        return read(raw.reshape(blocks, bytes_each)).reshape(tensor.shape)


def opened(path: Path) -> Gguf:
    """The file, its header read and checked. Raises UsageError that says what is wrong with it."""
    reader = _Reader.of(path)
    if reader.take(4) != MAGIC:
        raise _Reader.refused(path, "this is no GGUF file")
    version = reader.number("I")
    if version not in VERSIONS:
        raise _Reader.refused(path, f"its version is {version:,}, and {VERSIONS[0]} and {VERSIONS[1]} are known")
    tensors = reader.count("tensors", MOST_TENSORS)
    keys = reader.count("keys", MOST_KEYS)
    values = {}
    for _ in range(keys):
        key = reader.text()
        values[key] = reader.value(reader.number("I"))
    found = {}
    for _ in range(tensors):
        name = reader.text()
        found[name] = reader.tensor(name)
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 16:
        raise _Reader.refused(path, "its alignment is no number from 1 to 65,536")
    begin = -(-reader.place // alignment) * alignment
    placed = {name: Tensor(each.shape, each.kind, begin + each.start) for name, each in found.items()}
    for name, each in placed.items():
        bytes_each = KINDS[each.kind][0]
        length = math.prod(each.shape) // (1 if bytes_each <= 4 else BLOCK) * bytes_each
        if each.start + length > len(reader.bytes_):
            raise _Reader.refused(path, f"'{name[:80]}' lies behind the end of the file, which was cut short")
    return Gguf(path, values, placed, reader.bytes_)


@final
class _Reader(Reader):
    """What is read next."""

    part: ClassVar[str] = "its header"
    cure: ClassVar[str] = _CURE

    def count(self, what: str, most: int) -> int:
        found: int = self.number("Q")
        if found > most:
            raise self.refused(self.path, f"it says that it holds {found:,} {what}; at most {most:,} are taken")
        return found

    def text(self) -> str:
        return self.take(self.count("bytes of a text", MOST_BYTES_OF_A_TEXT)).decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _LIST:
            inner, count = self.number("I"), self.count("values of a list", MOST_IN_A_LIST)
            if inner == _TEXT:
                return [self.text() for _ in range(count)]
            if inner in _NUMBERS:
                width = struct.calcsize(f"<{_NUMBERS[inner]}")
                return list(struct.unpack(f"<{count}{_NUMBERS[inner]}", self.take(count * width)))
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        raise self.refused(self.path, "it holds a value of a kind that is not known")

    def tensor(self, name: str) -> Tensor:
        sides = self.number("I")
        if not 1 <= sides <= MOST_SIDES:
            raise self.refused(self.path, f"'{name[:80]}' has {sides:,} sides")
        # The side that lies together comes first in the file.
        shape = tuple(self.number("Q") for _ in range(sides))[::-1]
        kind, start = self.number("I"), self.number("Q")
        if kind not in KINDS:
            raise self.refused(self.path, f"'{name[:80]}' is written in a way that is not known (kind {kind})")
        if not all(1 <= side <= 1 << 31 for side in shape) or (KINDS[kind][0] > 4 and shape[-1] % BLOCK):
            raise self.refused(self.path, f"'{name[:80]}' has the shape {shape}")
        return Tensor(shape, kind, start)


def _half(blocks: Array, at: int) -> Array:
    """(blocks, 1) float32: the half number that stands at this byte of each."""
    return blocks[:, at : at + 2].copy().view(np.float16).astype(np.float32)


def _nibbles(packed: Array) -> Array:
    """(blocks, 32) of (blocks, 16): the low halves of all bytes, then the high ones."""
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)


def _float32(blocks: Array) -> Array:
    return blocks.copy().view(np.float32)


def _bfloat16(blocks: Array) -> Array:
    return (blocks.copy().view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _q4_0(blocks: Array) -> Array:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]) - 8)


def _q4_1(blocks: Array) -> Array:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]) + _half(blocks, 2)


def _q8_0(blocks: Array) -> Array:
    return _half(blocks, 0) * blocks[:, 2:].copy().view(np.int8).astype(np.float32)


KINDS: dict[int, tuple[int, Callable[[Array], Array]]] = {
    0: (4, _float32),
    1: (2, lambda blocks: _half(blocks, 0)),
    2: (18, _q4_0),
    3: (20, _q4_1),
    8: (34, _q8_0),
    30: (2, _bfloat16),
}
"""By the number of the kind: the bytes of a number, or of a block of 32, and how they become float32."""
