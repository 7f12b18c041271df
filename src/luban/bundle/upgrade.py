"""The formats of the bundle that were ever released, and how each is read as what a bundle holds today.

The next format adds a file `format_2.py` and a line below; `CURRENT` follows. The read function of an older format
then fills in what that format did not have yet. Each format has a golden bundle in `tests/bundle/golden/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from luban.arrays import Buffer
from luban.bundle import format_1
from luban.bundle.bundle import Stored
from luban.bundle.manifest import NAME
from luban.core.errors import BundleError
from luban.core.strict_json import shown


@dataclass(frozen=True)
class Format:
    """What must be known of a format to read a folder of it.

    limit: the most bytes of a file, None for a path that the format does not have. folders: where files lie.
    required: the paths that no bundle is without. most_files, most_bytes: of all files together.
    read: from the checked bytes of all files to what a bundle holds today.
    """

    limit: Callable[[str], int | None]
    folders: frozenset[str]
    required: frozenset[str]
    most_files: int
    most_bytes: int
    read: Callable[[Mapping[str, Buffer]], Stored]


FORMATS = {
    1: Format(
        limit=format_1.limit,
        folders=format_1.FOLDERS,
        required=format_1.REQUIRED,
        most_files=format_1.MOST_FILES,
        most_bytes=format_1.MOST_BYTES,
        read=format_1.read,
    ),
}
CURRENT = max(FORMATS)


def format_of(document: object) -> Format:
    """The format of a manifest. Raises BundleError for one that is newer than this luban, or that never was."""
    number = document.get("format") if isinstance(document, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise BundleError(f"the manifest says {shown(number)} for its format; expected a number.", where=NAME)
    if number > CURRENT:
        writer = document.get("luban") if isinstance(document, dict) else None
        raise BundleError(
            f"this bundle has format {number}, written by luban {shown(writer, 20)}; this luban reads up to {CURRENT}.",
            where=NAME,
            fix="pip install -U luban",
        )
    if number not in FORMATS:
        raise BundleError(f"there never was a bundle of format {number}.", where=NAME)
    return FORMATS[number]
