"""Values that are files: a path, relative to the working folder, or the bytes themselves."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl


class Unreadable(Exception):  # noqa: N818 - a fact about a value, which whoever reads the column reports
    """A value cannot be read. Its text is the reason, in words."""


def opened(value: str | bytes) -> str | io.BytesIO:
    """What a library may open: the path of a file that is there, or the bytes as a file.

    Raises Unreadable for a path without a file, for one that is no ordinary file, and for an empty file.
    """
    found: io.BytesIO | str
    if isinstance(value, bytes):
        size, found = len(value), io.BytesIO(value)
    else:
        # A device or a pipe could be read for ever.
        path = Path(value)
        try:
            if not path.is_file():
                raise Unreadable(f"no file is at {value[:200]!r}")
            size, found = path.stat().st_size, str(path)
        except (OSError, ValueError) as error:
            raise Unreadable(f"{value[:200]!r} cannot be opened ({error!s:.80})") from None
    if not size:
        raise Unreadable("the file is empty")
    return found


def problems(values: pl.Series, read: Callable[[Any], object], what: str) -> list[str | None]:
    """(rows,) why each value cannot be read, in words; None where it can, or where there is none."""
    if values.dtype not in (pl.String, pl.Binary):
        reason = f"values of the type {values.dtype!s:.60} are no {what}"
        return [reason if there else None for there in values.is_not_null().to_list()]
    found: list[str | None] = []
    for value in values.to_list():
        try:
            if value is not None:
                read(value)
            found.append(None)
        except Unreadable as reason:
            found.append(str(reason))
    return found
