"""Files within packages, read where they are: nothing is unpacked, so no name in a package decides where bytes go."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator

from luban.core.errors import ResourceError

_AR = b"!<arch>\n"
_ENTRY = 60
"""Bytes of the header of an entry of an ar archive."""


def of_wheel(data: bytes, start: str) -> Iterator[tuple[str, bytes]]:
    """The files of a wheel whose names start so, as (rest of the name, bytes), in the order of their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(start) and not name.endswith("/"):
                yield name.removeprefix(start), archive.read(name)


def of_tar(data: bytes, start: str) -> Iterator[tuple[str, bytes]]:
    """The same of a tar archive, compressed in any way: a source package, a package of npm."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        # In the order in which they lie there: going back in compressed data means reading it again.
        for member in archive:
            name = member.name.removeprefix("./")
            file = archive.extractfile(member) if member.isfile() and name.startswith(start) else None
            if file is not None:
                found[name.removeprefix(start)] = file.read()
    yield from sorted(found.items())


def of_deb(data: bytes, start: str) -> Iterator[tuple[str, bytes]]:
    """The same of a package of Debian, which is an ar archive with the files in a tar archive."""
    place = len(_AR)
    while data.startswith(_AR) and place + _ENTRY <= len(data):
        header = data[place : place + _ENTRY]
        size = int(header[48:58])
        content = place + _ENTRY
        if header[:16].decode("ascii").strip(" /").startswith("data.tar"):
            yield from of_tar(data[content : content + size], start)
            return
        place = content + size + size % 2
    raise ResourceError("this is no package of Debian.", where="the package index", fix="try again")
