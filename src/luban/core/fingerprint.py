"""Fingerprints: the sha256 of bytes, files, and JSON values, as lower-case hexadecimal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def of_bytes(data: bytes | bytearray | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def of_pieces(pieces: Iterable[bytes | bytearray | memoryview]) -> str:
    """The fingerprint of bytes that come in pieces.

    >>> of_pieces([b"a", b"b"]) == of_bytes(b"ab")
    True
    """
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """The fingerprint of a file's bytes, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def of_json(value: Any) -> str:
    """The fingerprint of a JSON value; the order of keys does not matter.

    >>> of_json({"a": 1, "b": 2}) == of_json({"b": 2, "a": 1})
    True
    """
    return of_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
