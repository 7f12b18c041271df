"""Files that appear whole or not at all, and a lock so that two runs do not write the same place."""

from __future__ import annotations

import ctypes
import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from luban.core.errors import StorageError, UsageError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turns a full disk, a read-only place or a missing permission into a StorageError that names the place."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError("the disk is full.", where=str(place), fix="free some space, or choose --out") from None
        if error.errno == errno.EFBIG:
            raise StorageError(
                "a file may not be so large here.", where=str(place), fix="ulimit -f unlimited, or choose --out"
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"this place cannot be written ({error.strerror}).", where=str(place), fix="choose another --out"
            ) from None
        raise


def write(path: Path, data: bytes | str) -> None:
    """Writes a file by way of a temporary sibling: a reader sees the old content or the new."""
    with storage_errors(path), _written_sibling(path, data) as sibling:
        os.chmod(sibling, 0o666 & ~_umask())
        os.replace(sibling, path)


def write_once(path: Path, data: bytes | str) -> None:
    """Writes a file whole unless it is there: of several processes the first one's content stays."""
    with storage_errors(path), _written_sibling(path, data) as sibling, suppress(FileExistsError):
        os.link(sibling, path)


@contextmanager
def _written_sibling(path: Path, data: bytes | str) -> Iterator[Path]:
    """A synced temporary sibling with this content; gone after the block, and the folder synced if the block ends well.

    Nothing holds it, so a process that is killed here leaves it.
    """
    content = data.encode() if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    sibling = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield sibling
    finally:
        sibling.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """The path of a temporary sibling that takes the target's name when the block ends well; else nothing is left.

    What an earlier process left of the same target when it was killed is removed.
    """
    with storage_errors(target), _staged(target, _empty_file) as staging:
        try:
            yield staging
            _sync(staging)
            os.chmod(staging, 0o666 & ~_umask())
            os.replace(staging, target)
            _sync_folder(target.parent)
        finally:
            staging.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON value, sorted and indented, with a final newline; NaN and infinity are refused."""
    write(path, to_json(value))


def read_json(path: Path) -> Any:
    """The value of a file that `write_json` wrote; what comes from elsewhere is read by `strict_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def to_json(value: Any) -> str:
    """A JSON value as luban writes it: sorted keys, two spaces, a final newline; NaN and infinity are refused."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary sibling folder that takes the target's name when the block ends well.

    Every file in it is synced first. An older folder of that name is exchanged in one step, then removed, so a
    kill at any instant leaves the old folder or the new. When the block fails nothing is left behind, and what a
    killed process left of the same target is removed.
    """
    with storage_errors(target), _staged(target, tempfile.mkdtemp) as staging:
        try:
            yield staging
            os.chmod(staging, 0o777 & ~_umask())
            for folder, _, files in os.walk(staging):
                for name in files:
                    _sync(Path(folder, name))
                _sync_folder(Path(folder))
            if target.is_dir():
                _exchange(staging, target)
            else:
                os.rename(staging, target)
            _sync_folder(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def remove_abandoned(target: Path) -> None:
    """Removes the temporary siblings of a target whose process was killed; those of living processes stay."""
    import fcntl

    for path in target.parent.glob(f"{glob.escape(_staging_prefix(target))}*"):
        # A living process holds its sibling. Where a file system knows no locks nothing counts as abandoned.
        with suppress(OSError), _opened(path) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextmanager
def _staged(target: Path, make: Callable[..., str]) -> Iterator[Path]:
    """A new temporary sibling, held while the block runs, after abandoned ones were removed."""
    remove_abandoned(target)
    handle = None
    while handle is None:
        path = Path(make(dir=target.parent, prefix=_staging_prefix(target)))
        handle = _held(path)
    try:
        yield path
    finally:
        os.close(handle)


def _held(path: Path) -> int | None:
    """Holds a path by a lock that dies with its process. None when another took it for abandoned before that."""
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        ours = path.exists()
    except OSError as error:
        # Another process is removing it; any other answer means that this file system knows no locks.
        ours = not isinstance(error, BlockingIOError)
    if ours:
        return handle
    os.close(handle)
    return None


def _staging_prefix(target: Path) -> str:
    return f".{target.name}.luban-"


def _empty_file(dir: Path, prefix: str) -> str:
    handle, name = tempfile.mkstemp(dir=dir, prefix=prefix)
    os.close(handle)
    return name


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds a lock file while the block runs; UsageError when another process holds it. It dies with its process."""
    import fcntl

    with storage_errors(path.parent):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileNotFoundError, NotADirectoryError, FileExistsError) as error:
            raise UsageError(
                f"no folder can be made here ({error.strerror}).", where=str(path.parent), fix="choose another --out"
            ) from None
        file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "another luban is at work here.", where=str(path.parent), fix="wait for it, or choose another --out"
            ) from None
        yield


def _exchange(first: Path, second: Path) -> None:
    """Swaps two folders. One atomic step on Linux; elsewhere two renames."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        done = rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
        if done == 0:
            return
        if ctypes.get_errno() not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(second))
    aside = second.with_name(f".{second.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(second, aside)
    os.rename(first, second)
    os.rename(aside, first)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with _opened(folder) as handle:
        os.fsync(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
