"""A bundle on disk: written whole or not at all, and read without trusting anything in it.

Reading opens files, checks them against the manifest, and makes JSON values, arrays and text of them. It runs no code
of the bundle, imports no trainer and no native runtime, and holds at most the bytes that the format allows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from luban import arrays
from luban.arrays import Buffer, Content
from luban.bundle import folder, format_1, manifest, upgrade
from luban.bundle.bundle import Stored
from luban.bundle.manifest import Listed, Manifest
from luban.core import files, fingerprint
from luban.core.errors import BundleError, UsageError
from luban.core.strict_json import shown

_ATTEMPTS = 3


@dataclass(frozen=True)
class Opened:
    """A bundle that was read: what it holds, its manifest, and where it lies."""

    stored: Stored
    manifest: Manifest
    path: Path


def write(stored: Stored, path: str | Path, *, replace: bool = False) -> Manifest:
    """Writes the bundle as a folder in one step; a kill at any instant leaves what was there before, or all of it.

    replace: exchanges a bundle that lies there already; anything else is never replaced.

    Raises UsageError when something lies there, and ResourceError when the disk is full or may not be written.
    """
    # A link stays a link: what it leads to is replaced.
    target = Path(os.path.realpath(path))
    _check_target(target, replace)
    contents = format_1.write(stored)
    with files.new_folder(target) as staging:
        for name in sorted(format_1.FOLDERS):
            (staging / name).mkdir()
        listed = {name: _write(staging / name, content) for name, content in contents.items()}
        described = manifest.describe(stored, listed, format=format_1.NUMBER, runtime=format_1.runtime(listed))
        (staging / manifest.NAME).write_text(files.to_json(described.to_json()), encoding="utf-8")
    return described


def read(path: str | Path, *, verify: bool = True) -> Opened:
    """The bundle in a folder. verify: compare the sha256 of every file; without it sizes and structure still are.

    Raises UsageError when nothing lies there, and BundleError, naming the file and the cure, for everything in it
    that luban would not have written.
    """
    place = Path(path)
    for attempt in range(_ATTEMPTS):
        with folder.opened(place) as root:
            try:
                return _read(root, place, verify)
            except BundleError as error:
                # A bundle that was exchanged for a new one while it was read loses its files: read the new one.
                if attempt + 1 == _ATTEMPTS or _still(root, place):
                    _raise_at(place, error)
    raise AssertionError("the last attempt returns or raises")


def check(path: str | Path) -> None:
    """Raises BundleError where a bundle lies there that was changed since it was written; all else is left alone."""
    if (Path(path) / manifest.NAME).is_file():
        read(path)


def _write(path: Path, content: Content) -> Listed:
    """Writes a file, piece by piece."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for piece in arrays.of_content(content):
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    return Listed(digest.hexdigest(), size)


def _read(root: int, place: Path, verify: bool) -> Opened:
    _check_manifest_present(root)
    document = manifest.parse_document(bytes(folder.read(root, manifest.NAME, most=manifest.MOST_BYTES)))
    form = upgrade.format_of(document)
    described = manifest.read(document)
    _check_listed(described.files, form)
    _check_present(root, described.files, form)
    contents: dict[str, Buffer] = {}
    for name, listed in described.files.items():
        # What arrays are made of may be written to: so they need no copy of their own.
        writable = name.endswith(".safetensors")
        data = folder.read(root, name, size=listed.bytes, most=listed.bytes, writable=writable)
        if verify and fingerprint.of_bytes(data) != listed.sha256:
            raise BundleError("this file was changed: its sha256 is not the manifest's.", where=name, fix=folder.AGAIN)
        contents[name] = data
    stored = dataclasses.replace(form.read(contents), parent=described.parent)
    if described.signature != manifest.signature(stored):
        raise BundleError("the manifest's signature is not that of the schema and the task.", where=manifest.NAME)
    return Opened(stored, described, place)


def _check_manifest_present(root: int) -> None:
    try:
        os.stat(manifest.NAME, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        raise BundleError(
            f"this is not a bundle: there is no {manifest.NAME} in it.",
            fix="name the folder that luban fit wrote; the bundle comes first, then the data",
        ) from None


def _check_listed(listed: Mapping[str, Listed], form: upgrade.Format) -> None:
    """Raises BundleError unless the manifest lists exactly files of the format, of sizes that are allowed."""
    for path, entry in listed.items():
        most = form.limit(path)
        if most is None:
            raise BundleError(
                f"the manifest lists {shown(path)}, and no bundle has such a file.",
                where=manifest.NAME,
                fix=folder.AGAIN,
            )
        if entry.bytes > most:
            raise BundleError(f"the manifest announces {entry.bytes:,} bytes; at most {most:,} are read.", where=path)
    total = sum(entry.bytes for entry in listed.values())
    if len(listed) > form.most_files or total > form.most_bytes:
        raise BundleError(
            f"the manifest lists {len(listed):,} files of {total:,} bytes; "
            f"at most {form.most_files:,} of {form.most_bytes:,} are read.",
            where=manifest.NAME,
        )
    for path in sorted(form.required - set(listed)):
        raise BundleError(f"the manifest does not list {path}, which every bundle has.", where=manifest.NAME)


def _check_present(root: int, listed: Mapping[str, Listed], form: upgrade.Format) -> None:
    """Raises BundleError unless exactly the files that the manifest lists lie in the folder."""
    missing = set(listed)
    for path in folder.paths(root, form.folders):
        if path in missing:
            missing.remove(path)
        elif path != manifest.NAME:
            raise BundleError(f"{shown(path)} lies in it, and the manifest does not list it.", fix="remove that file")
    if missing:
        raise BundleError("this file is missing.", where=min(missing), fix=folder.AGAIN)


def _check_target(target: Path, replace: bool) -> None:
    if not target.parent.is_dir():
        raise UsageError("there is no such folder.", where=str(target.parent), fix=f"mkdir -p '{target.parent}'")
    if not os.path.lexists(target):
        return
    if not replace:
        raise UsageError("something lies here already.", where=str(target), fix="choose another --out, or add --force")
    if not (target / manifest.NAME).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            "what lies here is not a bundle, and is not replaced.", where=str(target), fix="choose another --out"
        )


def _still(root: int, place: Path) -> bool:
    """Whether the opened folder is what lies at this place now."""
    try:
        return os.path.samestat(os.fstat(root), os.stat(place))
    except OSError:
        return True


def _raise_at(place: Path, error: BundleError) -> NoReturn:
    where = str(place / error.where) if error.where else str(place)
    raise BundleError(error.message, where=where, fix=error.fix) from None
