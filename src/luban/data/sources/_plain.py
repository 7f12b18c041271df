"""Files that may be compressed, as plain bytes on disk, and how files of texts are encoded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from luban.core.errors import DataError
from luban.core.lazy import require

HEAD = 1 << 18
"""Bytes that a format, an encoding and a dialect are guessed from."""
PIECE = 1 << 20
"""Bytes that are read together; memory grows with it."""
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
COMPRESSED = (".gz", ".gzip", ".zst", ".zstd")
"""Endings of names of compressed files."""


def compression(head: bytes) -> str | None:
    """`gzip`, `zstd` or None, by the first bytes.

    >>> compression(b"a,b"), compression(gzip.compress(b"a,b"))
    (None, 'gzip')
    """
    return "gzip" if head.startswith(_GZIP) else "zstd" if head.startswith(_ZSTD) else None


def ending(path: Path) -> str:
    """The ending of the name in lower case, without that of a compression.

    >>> ending(Path("People.CSV.gz"))
    '.csv'
    """
    endings = [ending.lower() for ending in path.suffixes if ending.lower() not in COMPRESSED]
    return endings[-1] if endings else ""


def head(path: Path, size: int = HEAD) -> bytes:
    """The first bytes of a file, decompressed where it is compressed."""
    with opened(path) as file:
        return exactly(file, size)


def start(path: Path, size: int) -> bytes:
    """The first bytes of a file as it lies there."""
    with path.open("rb") as file:
        return file.read(size)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed where it is compressed. Raises DataError when the compressed data is broken."""
    kind = compression(start(path, 4))
    if kind is None:
        with path.open("rb") as file:
            yield file
        return
    if kind == "gzip":
        try:
            with gzip.open(path, "rb") as file:
                yield cast(IO[bytes], file)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _broken(path, error) from None
        return
    zstandard = require("zstandard", extra="all", purpose="reading .zst files")
    try:
        with zstandard.open(path, "rb") as file:
            yield file
    except zstandard.ZstdError as error:
        raise _broken(path, error) from None


def pieces(path: Path, size: int | None = None) -> Iterator[bytes]:
    """The decompressed bytes of a file, in pieces."""
    with opened(path) as file:
        while piece := file.read(size or PIECE):
            yield piece


def exactly(file: IO[bytes], size: int) -> bytes:
    """So many bytes, fewer only where the file ends. A read of a compressed file may give less than was asked for."""
    found = bytearray()
    while len(found) < size and (piece := file.read(min(size - len(found), PIECE))):
        found += piece
    return bytes(found)


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"the compressed data is broken or cut off ({error}).", where=str(path), fix="copy or download the file again"
    )
