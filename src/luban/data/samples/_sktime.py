"""Sets of the UCR/UEA archive that the package sktime carries (BSD-3-Clause; the sets are their authors')."""

from __future__ import annotations

from pathlib import Path

from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package("sktime", "1.2.0", "dbffc6731d2d683b668dceb5e2bbc5804bebc8446b4c580803a281684d90e4ae")
FOLDER = "sktime/datasets/data/"


def write(name: str, place: Path, package: bytes | None = None) -> None:
    """Puts both `.ts` files of a set, training and test rows, into a folder."""
    data = _fetched.download(PACKAGE) if package is None else package
    for file, content in _archives.of_wheel(data, f"{FOLDER}{name}/"):
        if file in (f"{name}_TRAIN.ts", f"{name}_TEST.ts"):
            (place / file).write_bytes(content)
