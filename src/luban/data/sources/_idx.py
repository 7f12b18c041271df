"""One file of the idx format: a magic number that tells data type and axes, their lengths, then the values.

    00 00 08 03   00 00 ea 60   00 00 00 1c   00 00 00 1c   values...       60,000 images of 28 by 28 bytes

All numbers are big-endian (LeCun, Cortes, Burges: The MNIST database). Files may be compressed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luban.batch import Array
from luban.core.errors import DataError
from luban.data.sources import _plain

UNSIGNED_BYTE = 8
_TYPES = {8: "unsigned bytes", 9: "signed bytes", 11: "short", 12: "int", 13: "float", 14: "double"}
MOST_AXES = 4
LARGEST = 1 << 26
"""Bytes of one image; a header that says more is damaged."""


@dataclass(frozen=True)
class Header:
    """What stands before the values. shape: of all of them; the first axis counts the rows."""

    shape: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return int(np.prod(self.shape[1:], dtype=object))

    @property
    def size(self) -> int:
        """Bytes before the values."""
        return 4 + 4 * len(self.shape)


def is_idx(head: bytes) -> bool:
    """Whether a file that starts so may be of this format.

    >>> is_idx(bytes([0, 0, 8, 3])), is_idx(b"a,b,c")
    (True, False)
    """
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 0 < head[3] <= MOST_AXES


def header(path: Path) -> Header:
    """The header of a file. Raises DataError for another format, other values than bytes, and impossible lengths."""
    head = _plain.head(path, 4 + 4 * MOST_AXES)
    if not is_idx(head):
        raise DataError(
            f"it is no idx file: it starts with {head[:4].hex(' ') or 'nothing'}, not with 00 00 08 and the number of "
            "axes.",
            where=str(path),
            fix="download the file again",
        )
    if head[2] != UNSIGNED_BYTE:
        raise DataError(
            f"its values are of the type {_TYPES[head[2]]}, and unsigned bytes are expected.",
            where=str(path),
            fix="write it with the type 08",
        )
    axes = head[3]
    if len(head) < 4 + 4 * axes:
        raise _cut(path, "within its header")
    found = Header(struct.unpack(f">{axes}I", head[4 : 4 + 4 * axes]))
    if not all(found.shape) or found.row > LARGEST:
        lengths = " x ".join(str(length) for length in found.shape)
        raise DataError(f"its header says {lengths} values.", where=str(path), fix="download the file again")
    return found


def slices(path: Path, rows: int) -> Iterator[Array]:
    """The values, so many rows at a time: (rows or fewer, *shape of a row) uint8.

    Raises DataError where the file ends before what its header says, or goes on after it.
    """
    about = header(path)
    if _plain.compression(_plain.start(path, 4)) is None:
        _check_size(path, about)
    with _plain.opened(path) as file:
        _plain.exactly(file, about.size)
        for first in range(0, about.rows, rows):
            count = min(rows, about.rows - first)
            data = _plain.exactly(file, count * about.row)
            if len(data) < count * about.row:
                whole = first + len(data) // about.row
                raise _cut(path, f"after row {whole:,}, and its header says that there are {about.rows:,}")
            yield np.frombuffer(data, dtype=np.uint8).reshape(count, *about.shape[1:])
        if file.read(1):
            raise DataError(
                f"it goes on after the {about.rows:,} rows that its header says.",
                where=str(path),
                fix="download the file again",
            )


def _check_size(path: Path, about: Header) -> None:
    """Before anything is read: whether the file is as long as its header says."""
    size, expected = path.stat().st_size, about.size + about.rows * about.row
    if size < expected:
        raise DataError(
            f"it has {size:,} bytes, and its header says {expected:,} ({about.rows:,} rows).",
            where=str(path),
            fix="download the file again",
        )


def _cut(path: Path, place: str) -> DataError:
    return DataError(f"it ends {place}.", where=str(path), fix="download the file again")
