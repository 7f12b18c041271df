"""Reading a folder that a stranger made: plain files only, each opened once, never more bytes than were announced.

Every file is opened relative to its opened folder without following links, and checked by its open descriptor, so
nothing that changes meanwhile can lead elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luban.core.errors import BundleError, ResourceError, UsageError

AGAIN = "copy the bundle again from where it came from, or fit it again"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The descriptor of the folder; a link to it is followed, for it is the user who names it."""
    try:
        root = os.open(path, _FOLDER)
    except (FileNotFoundError, ValueError):
        raise UsageError(
            "there is no such bundle.", where=str(path), fix="make one: luban fit DATA --out ..."
        ) from None
    except NotADirectoryError:
        raise BundleError(
            "this is a file; a bundle is a folder.", where=str(path), fix="the bundle comes first, then the data"
        ) from None
    except PermissionError:
        raise ResourceError("this folder may not be read.", where=str(path), fix="ask for permission") from None
    try:
        yield root
    finally:
        os.close(root)


def paths(root: int, folders: frozenset[str]) -> Iterator[str]:
    """The paths of all that lies in the folder and in these folders of it, in no order, unchecked."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name not in folders:
                yield entry.name
                continue
            with _subfolder(root, entry.name) as inner, os.scandir(inner) as files:
                for file in files:
                    yield f"{entry.name}/{file.name}"


def read(root: int, path: str, *, size: int | None = None, most: int, writable: bool = False) -> bytes | bytearray:
    """The bytes of a plain file. size: how many it must have. most: how many it may have. writable: in memory.

    Raises BundleError for a missing file, a link, a device, a pipe, or another size; nothing is read then.
    """
    parent, _, name = path.rpartition("/")
    if not parent:
        return _read(root, name, path, size, most, writable)
    with _subfolder(root, parent) as inner:
        return _read(inner, name, path, size, most, writable)


@contextmanager
def _subfolder(root: int, name: str) -> Iterator[int]:
    try:
        inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=root)
    except FileNotFoundError:
        raise BundleError("this folder is missing.", where=name, fix=AGAIN) from None
    except PermissionError:
        raise ResourceError("this folder may not be read.", where=name, fix="ask for permission") from None
    except OSError:
        raise BundleError("this is not a plain folder.", where=name, fix=AGAIN) from None
    try:
        yield inner
    finally:
        os.close(inner)


def _read(folder: int, name: str, path: str, size: int | None, most: int, writable: bool) -> bytes | bytearray:
    try:
        handle = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        raise BundleError("this file is missing.", where=path, fix=AGAIN) from None
    except PermissionError:
        raise ResourceError("this file may not be read.", where=path, fix="ask for permission") from None
    except OSError as error:
        what = "a link" if error.errno == errno.ELOOP else f"not a plain file ({error.strerror})"
        raise BundleError(f"this is {what}; a bundle holds plain files only.", where=path, fix=AGAIN) from None
    try:
        expected = _checked_size(os.fstat(handle), path, size, most)
    except BundleError:
        os.close(handle)
        raise
    with os.fdopen(handle, "rb") as file:
        data: bytes | bytearray
        if writable:
            data = bytearray(expected)
            read = file.readinto(data)
        else:
            data = file.read(expected)
            read = len(data)
        if read != expected or file.read(1):
            raise BundleError("this file changed while it was read.", where=path, fix="try again")
    return data


def _checked_size(found: os.stat_result, path: str, size: int | None, most: int) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise BundleError("this is not a plain file; a bundle holds plain files only.", where=path, fix=AGAIN)
    if found.st_nlink > 1:
        # A second name lets another place change what was checked here.
        raise BundleError(
            "this file has a second name elsewhere (a hard link), by which it could be changed.",
            where=path,
            fix="make a copy with files of its own (cp -r) and use that",
        )
    if size is not None and found.st_size != size:
        raise BundleError(f"this file has {found.st_size:,} bytes; the manifest says {size:,}.", where=path, fix=AGAIN)
    if found.st_size > most:
        raise BundleError(f"this file has {found.st_size:,} bytes; at most {most:,} are read.", where=path)
    return found.st_size
