"""Named arrays as one file in the layout of safetensors, written piece by piece and read without a copy.

    8 bytes    the length of the header, little end first
    header     JSON: of each array its type, its shape, and where it begins and ends; texts by key in `__metadata__`
    arrays     one behind the other

The file equals, byte for byte, what the library `safetensors` makes of the same arrays. The library holds all of them
two times more, for which a large model has no room.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias, final

import numpy as np

from luban.batch import Array
from luban.core.strict_json import parse

Piece: TypeAlias = "bytes | memoryview"
Buffer: TypeAlias = "bytes | bytearray | memoryview"
TYPES = {"uint8": "U8", "int32": "I32", "float32": "F32", "float64": "F64", "int64": "I64"}
"""What the types of arrays are called, in the order in which they lie from the end of the file."""
METADATA = "__metadata__"
MOST_HEADER = 64 << 20
"""Bytes of the longest header that is read."""
_KNOWN = {
    **{called: name for name, called in TYPES.items()},
    "BOOL": "bool",
    "F16": "float16",
    "I8": "int8",
    "I16": "int16",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
}
"""What is read: whoever takes it says which of these types are used."""
_MOST_SIDES = 32


@final
@dataclass(frozen=True, eq=False)
class Arrays:
    """A file that can be written: arrays by name, each of a type of TYPES, and texts by key.

    >>> b"".join(Arrays({"a": np.array([7], np.uint8)}, {})).hex(" ", -8)[:17]
    '3800000000000000 '
    """

    arrays: Mapping[str, Array]
    metadata: Mapping[str, str]

    def __iter__(self) -> Iterator[Piece]:
        """The bytes of the file in pieces; an array that lies together is not copied."""
        outlines = {name: (array.dtype.name, array.shape) for name, array in self.arrays.items()}
        return pieces(outlines, self.metadata, self.arrays.__getitem__)


Content: TypeAlias = "Buffer | Arrays"
"""What a file is to hold."""


def of_content(content: Content) -> Iterator[Piece]:
    """The bytes of what a file is to hold, in pieces."""
    return iter(content) if isinstance(content, Arrays) else iter([memoryview(content)])


def write(file: BinaryIO, content: Content) -> None:
    """Writes all of it."""
    for piece in of_content(content):
        file.write(piece)


def pieces(
    outlines: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str], array: Callable[[str], Array]
) -> Iterator[Piece]:
    """The bytes of a file whose arrays are made one by one, as they are written.

    outlines: the type and the shape of each array. array: the array of a name, asked for once.
    """
    ranks = list(TYPES)
    names = sorted(outlines, key=lambda name: (-ranks.index(outlines[name][0]), name))
    document: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    place = 0
    for name in names:
        dtype, shape = outlines[name]
        size = math.prod(shape) * np.dtype(dtype).itemsize
        document[name] = {"dtype": TYPES[dtype], "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    header = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    yield len(header).to_bytes(8, "little") + header
    for name in names:
        values = np.ascontiguousarray(array(name)).reshape(-1)
        if values.size:
            yield values.view(np.uint8).data


def read(data: Buffer) -> tuple[dict[str, Any], dict[str, Array]]:
    """The texts by key and the arrays by name in the bytes of a file. The arrays are the bytes themselves: they can be
    written to where these can.

    Raises ValueError, in words, for bytes that are no such file: arrays lie one behind the other, without a hole, and
    fill it to its end.
    """
    header, begins = _header(data)
    metadata = header.pop(METADATA, {})
    whole = np.frombuffer(data, np.uint8)[begins:]
    placed = []
    for name, told in header.items():
        try:
            dtype, shape, (start, end) = np.dtype(_KNOWN[told["dtype"]]), tuple(told["shape"]), told["data_offsets"]
        except (KeyError, TypeError, ValueError):
            raise ValueError("an array is not told by its type, its shape and its place") from None
        numbers = (*shape, start, end)
        if len(told) != 3 or len(shape) > _MOST_SIDES or not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers):
            raise ValueError("an array has a shape or a place that no array has")
        if not end <= len(whole) or math.prod(shape) * dtype.itemsize != end - start:
            raise ValueError("an array is larger or smaller than its place")
        placed.append((start, end, name, dtype, shape))
    reached = 0
    for start, end, *_ in sorted(placed):
        if start != reached:
            raise ValueError("arrays overlap, or there is a hole between them")
        reached = end
    if reached != len(whole):
        raise ValueError("there are bytes behind the last array")
    return metadata, {name: whole[start:end].view(dtype).reshape(shape) for start, end, name, dtype, shape in placed}


def _header(data: Buffer) -> tuple[dict[str, Any], int]:
    """The document in front, and where it ends."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, MOST_HEADER):
        raise ValueError("it is cut short, or its header is larger than the file")
    header = parse(bytes(data[8 : 8 + length]))
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header, 8 + length
