"""What frozen bodies read, kept in the folder of a run: its fits share most of their rows.

Of the rows that are asked about again and again a body reads all at once, first of all. What it makes of a row then
depends on no order in which fits come, to the last digit: a run that was killed goes on as it would have.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from luban.batch import Array, PerRow, Ragged
from luban.core import files

MOST = 16_384
"""Rows of a column that are kept, at most; where there are more, each is read whenever it is asked about."""

Read = Callable[["PerRow"], Array]
"""`read(rows)`: (rows, width) float32."""


@dataclass(frozen=True)
class _Asked:
    """known: what a body, by its digest, made of the rows of a column, by theirs."""

    parts: Mapping[str, PerRow]
    rows: Array
    place: Path
    known: dict[tuple[str, str], dict[bytes, Array]] = field(default_factory=dict)


_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)


@contextmanager
def asked(parts: Mapping[str, PerRow], rows: Array, place: Path) -> Iterator[None]:
    """While it is held these rows of columns, by their numbers, are asked about again and again.

    place: a folder in which what is made of them is kept for other processes.
    """
    before = _asked.set(_Asked(parts, rows, place))
    try:
        yield
    finally:
        _asked.reset(before)


def vectors(body: Callable[[], str], column: str, part: PerRow, read: Read) -> Array:
    """(rows, width) float32 of a column: what `read` makes of its rows, of equal ones once while some are asked about
    again. body: gives the digest of what reads.
    """
    told = _asked.get()
    if told is None or column not in told.parts or max(len(part), len(told.rows)) > MOST:
        return read(part)
    key = (body(), column)
    if key not in told.known:
        told.known[key] = _of_all(*key, told, read)
    known, digests = told.known[key], _digests(part)
    # The first of equal rows stands for all of them.
    new = {digest: row for row, digest in reversed(list(enumerate(digests))) if digest not in known}
    rows = np.sort(np.array(list(new.values()), np.int64))
    found = dict(zip([digests[row] for row in rows], read(part[rows]), strict=True)) if len(rows) else {}
    lines = np.stack([known[digest] if digest in known else found[digest] for digest in digests])
    if len(known) + len(found) <= MOST:
        known.update(found)
    return lines


def _of_all(body: str, column: str, told: _Asked, read: Read) -> dict[bytes, Array]:
    """What is made of all rows that are asked about, by their digests: of the folder, or made now."""
    part = told.parts[column][told.rows]
    first = {digest: row for row, digest in reversed(list(enumerate(_digests(part))))}
    file = told.place / f"{body}-{hashlib.sha256(column.encode()).hexdigest()[:16]}.npy"
    if not file.exists():
        written = io.BytesIO()
        np.save(written, read(part[np.array(list(first.values()), np.int64)]), allow_pickle=False)
        told.place.mkdir(parents=True, exist_ok=True)
        files.write_once(file, written.getvalue())
    return dict(zip(first, np.load(file, allow_pickle=False), strict=True))


def _digests(part: PerRow) -> list[bytes]:
    if isinstance(part, Ragged):
        ends = part.offsets.tolist()
        rows = [part.values[low:high] for low, high in pairwise(ends)]
    else:
        rows = list(part)
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
