"""The cache: what was read once, as Parquet, named by its content and by how it was read. It may be removed any time.

    <cache>/contents/   the fingerprint of a file, by its path, size and time of change
    <cache>/tables/     <key>.parquet with the rows, <key>.json with what was found while reading them
    <cache>/samples/    the samples
    <cache>/packages/   the packages that samples were found in, by sha256

It lies in $LUBAN_CACHE, else $XDG_CACHE_HOME/luban, else ~/.cache/luban; where that cannot be written, in a temporary
folder that goes with the process.
"""

from __future__ import annotations

import atexit
import errno
import functools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import polars as pl

from luban.core import files, fingerprint
from luban.core.errors import ResourceError

UNUSED = 30 * 24 * 3600
"""Seconds after which a table that nobody read is removed."""
_FULL = ("no space left", "os error 28", "file too large", "quota exceeded")
"""How polars words the errors of a full disk."""
_SETTLED = 2.0
"""Seconds after a change from which a file's time of change is believed to tell the next change."""


def folder(name: str) -> Path:
    """A folder of the cache that can be written."""
    place = _root() / name
    return place if _can_write(place) else _made(_temporary() / name)


def is_temporary() -> bool:
    """Whether the cache goes with the process, because its place cannot be written."""
    return not _can_write(_root() / "tables")


def stamp(path: Path) -> tuple[str, int, int, int]:
    """What tells a file from what it was before: its place, its size, its time of change, and where the disk has it."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino


def content(path: Path) -> str:
    """The fingerprint of a file's bytes; remembered as long as its size and its time of change stay."""
    status = path.stat()
    key = fingerprint.of_json(stamp(path))
    memo = folder("contents") / key
    with suppress(OSError, ValueError):
        found = memo.read_text(encoding="ascii")
        if len(found) == len(key):
            return found
    with readable(path):
        found = fingerprint.of_file(path)
    if time.time() - status.st_mtime > _SETTLED:
        with suppress(ResourceError):
            files.write(memo, found)
    return found


def table(key: str, make: Callable[[Path], dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """The Parquet file of a key and what is known about it; made by `make(path)` where it is not there yet.

    `make` may leave the file unwritten; the path then does not exist. Raises ResourceError for a full disk.
    """
    found = known_table(key)
    if found is not None:
        return found
    place = folder("tables")
    path = place / f"{key}.parquet"
    _forget_unused(place)
    with _scratch(place) as scratch, storage_errors(place):
        made = scratch / "table.parquet"
        known = make(made)
        known["written"] = made.exists()
        if made.exists():
            os.replace(made, path)
        files.write(path.with_suffix(".json"), json.dumps(known))
    return path, known


def known_table(key: str) -> tuple[Path, dict[str, Any]] | None:
    """What `table` gives, where it is there already."""
    path = folder("tables") / f"{key}.parquet"
    about = _about(path.with_suffix(".json"))
    if about is None or about.get("written") != path.exists():
        return None
    with suppress(OSError):
        os.utime(path.with_suffix(".json"))
    return path, about


def keep(stream: IO[bytes]) -> tuple[Path, str]:
    """Copies a stream into the cache; its path there and its fingerprint."""
    place = folder("tables")
    with _scratch(place) as scratch, storage_errors(place):
        copy = scratch / "stream"
        with copy.open("wb") as out:
            shutil.copyfileobj(stream, out, fingerprint.CHUNK)
        found = fingerprint.of_file(copy)
        path = place / found
        os.replace(copy, path)
    return path, found


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """`files.storage_errors` with the cure that helps here; what polars says of a full disk counts as well."""
    try:
        with files.storage_errors(place):
            try:
                yield
            except (OSError, pl.exceptions.PolarsError) as error:
                if any(sign in str(error).lower() for sign in _FULL):
                    raise OSError(errno.ENOSPC, "no space left on device") from None
                raise
    except ResourceError as error:
        raise ResourceError(
            error.message, where=error.where, fix="free some space, or name another place: LUBAN_CACHE=FOLDER"
        ) from None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns a missing permission to read into a ResourceError."""
    try:
        yield
    except PermissionError as error:
        raise ResourceError(
            f"this file cannot be read ({error.strerror}).", where=str(path), fix=f"chmod u+r {path}"
        ) from None


def _root() -> Path:
    if os.environ.get("LUBAN_CACHE"):
        return Path(os.environ["LUBAN_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"], "luban")
    return Path(os.path.expanduser("~"), ".cache", "luban")


@functools.cache
def _can_write(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


@functools.cache
def _temporary() -> Path:
    place = Path(tempfile.mkdtemp(prefix="luban-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def _made(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def _scratch(place: Path) -> Iterator[Path]:
    with storage_errors(place):
        scratch = Path(tempfile.mkdtemp(dir=place, prefix=".new."))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _about(path: Path) -> dict[str, Any] | None:
    try:
        return dict(files.read_json(path))
    except (OSError, ValueError):
        return None


def _forget_unused(place: Path) -> None:
    """Removes tables, and what a kill left half-written, that nobody used for a month."""
    oldest = time.time() - UNUSED
    for path in place.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path) if path.is_dir() else _forget(path)


def _forget(path: Path) -> None:
    # The age of a table is that of the file beside it, which is touched when it is read.
    if path.suffix == ".parquet" and path.with_suffix(".json").exists():
        return
    path.with_suffix(".parquet").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
