"""The encoding of a file of texts, guessed from its bytes. UTF-8 is believed only when every byte agrees."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from luban.data.sources import _plain

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_AROUND = 1 << 15
"""Bytes on either side of the first wrong one that are looked at."""


@dataclass(frozen=True)
class _Wrong:
    """The first byte that is not UTF-8: where it stands, its value, and the bytes around it."""

    offset: int
    value: int
    around: bytes


def guess(path: Path, head: bytes) -> tuple[str, str]:
    """The name of the encoding as Python knows it, and the reason in words.

    head: the first bytes of the file, decompressed.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, "its first bytes say so"
    zeros = _zeros(head)
    if zeros is not None:
        return zeros, "every other byte is zero"
    wrong = _not_utf8(path)
    if wrong is None:
        return "utf-8", "every byte agrees"
    return _legacy(wrong.around), f"byte {wrong.offset:,} (0x{wrong.value:02x}) is not UTF-8"


def _zeros(head: bytes) -> str | None:
    """UTF-16 without a mark: Latin letters have a zero byte beside them."""
    even, odd = head[::2], head[1::2]
    if len(odd) < 2:
        return None
    share_even, share_odd = even.count(0) / len(even), odd.count(0) / len(odd)
    if share_odd > 0.4 and share_even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if share_even > 0.4 and share_odd < 0.05 else None


def _not_utf8(path: Path) -> _Wrong | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    done, before = 0, b""
    for piece in _plain.pieces(path):
        pending = len(decoder.getstate()[0])
        try:
            if pending or not piece.isascii():
                decoder.decode(piece)
        except UnicodeDecodeError as error:
            place = len(before) - pending + error.start
            joined = before + piece
            around = joined[max(0, place - _AROUND) : place + _AROUND]
            return _Wrong(done - pending + error.start, joined[place], around)
        done += len(piece)
        before = piece[-_AROUND:]
    cut_off = decoder.getstate()[0]
    return _Wrong(done - len(cut_off), cut_off[0], before) if cut_off else None


def _legacy(around: bytes) -> str:
    """The encoding of bytes that are not UTF-8: that of Chinese, or of Western Windows."""
    foreign = [character for character in around.decode("gb18030", "replace") if ord(character) > 127]
    chinese = sum("一" <= character <= "鿿" for character in foreign)
    # Western letters above 127 stand alone. Read as GB 18030 they pair with the ASCII letter that follows.
    high = [byte > 127 for byte in around]
    paired = sum(first and second for first, second in pairwise(high))
    return "gb18030" if chinese > 0.8 * len(foreign) and paired > 0.5 * sum(high) else "cp1252"
