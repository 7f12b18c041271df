"""GGUF files: blocks of weights as a plain loop reads them, and headers that ask for too much."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from luban.core.errors import UsageError
from luban.origins import gguf
from origins import speaking


def plain(kind: int, block: bytes) -> list[float]:
    """One block of 32, number by number, as llama.cpp defines it."""
    scale = struct.unpack("<e", block[:2])[0]
    if kind == 8:
        return [scale * struct.unpack("b", block[2 + place : 3 + place])[0] for place in range(32)]
    least = struct.unpack("<e", block[2:4])[0] if kind == 3 else None
    packed = block[4:] if kind == 3 else block[2:]
    halves = [byte & 15 for byte in packed] + [byte >> 4 for byte in packed]
    return [scale * (half - 8) if least is None else scale * half + least for half in halves]


@pytest.mark.parametrize("kind", [2, 3, 8])
def test_blocks_are_read_as_a_plain_loop_does(kind: int, tmp_path: Path) -> None:
    size = gguf.KINDS[kind][0]
    draw = np.random.default_rng(kind)
    blocks = []
    for _ in range(6):
        halves = draw.normal(size=2 if kind == 3 else 1).astype("<f2").tobytes()
        blocks.append(halves + draw.bytes(size - len(halves)))
    path = tmp_path / "some.gguf"
    path.write_bytes(speaking.header({"general.name": "x"}, {"w": ((3, 64), kind, 0)}) + b"".join(blocks))
    found = gguf.opened(path).weights("w")
    assert found.shape == (3, 64) and found.dtype == np.float32
    assert np.allclose(found.ravel(), np.concatenate([plain(kind, block) for block in blocks]), rtol=1e-6)


def test_numbers_of_each_width_are_read_as_they_are(tmp_path: Path) -> None:
    values = np.array([[1.5, -2.0, 0.25], [3.0, 0.0, -0.5]], np.float32)
    wide = (values.view(np.uint32) >> 16).astype(np.uint16)
    data = [values.tobytes(), values.astype(np.float16).tobytes(), wide.tobytes()]
    tensors = {str(kind): ((2, 3), kind, 32 * place) for place, kind in enumerate((0, 1, 30))}
    path = tmp_path / "some.gguf"
    path.write_bytes(speaking.header({}, tensors) + b"".join(part.ljust(32, b"\0") for part in data))
    file = gguf.opened(path)
    assert all(np.array_equal(file.weights(name), values) for name in tensors)


HEAD = b"GGUF" + struct.pack("<I", 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04 and more", "no GGUF file"),
        (b"GGUF" + struct.pack("<I", 9), "its version is 9"),
        (HEAD + struct.pack("<QQ", 1 << 60, 1), "holds 1,152,921,504,606,846,976 tensors"),
        (HEAD + struct.pack("<QQ", 1, 1 << 40), "holds 1,099,511,627,776 keys"),
        (HEAD + struct.pack("<QQQ", 0, 1, 1 << 50), "bytes of a text"),
        (HEAD + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 4, 1 << 50), "values of a list"),
        (HEAD + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 4, 1 << 20), "its header ends too early"),
        (HEAD + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"a", 9, 9, 1), "a kind that is not known"),
        (HEAD + struct.pack("<QQQ1sI", 1, 0, 1, b"w", 4_000), "'w' has 4,000 sides"),
        (HEAD + struct.pack("<QQQ1sIQIQ", 1, 0, 1, b"w", 1, 8, 77, 0), r"not known \(kind 77\)"),
        (HEAD + struct.pack("<QQQ1sIQIQ", 1, 0, 1, b"w", 1, 33, 8, 0), r"'w' has the shape \(33,\)"),
        (HEAD + struct.pack("<QQQ1sIQIQ", 1, 0, 1, b"w", 1, 1 << 30, 0, 0), "behind the end of the file"),
        (HEAD + struct.pack("<QQQ1sIQIQ", 1, 0, 1, b"w", 1, 8, 0, 1 << 62), "behind the end of the file"),
    ],
)
def test_a_header_that_asks_for_too_much_is_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "some.gguf"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=reason) as error:
        gguf.opened(path)
    assert error.value.where == str(path) and "GGUF" in str(error.value.fix)
