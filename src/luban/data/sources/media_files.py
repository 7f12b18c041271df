"""Images or sounds in no class: a folder of them without inner ones, or one file; a row has its `path` and its `file`.

So lie those that nobody has sorted yet, and that a model is asked about. Files of another kind than most are
left out, counted and listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import final

import polars as pl

from luban.data.dataset import FILE, MEDIA, PATH
from luban.data.infer import AUDIO, IMAGES
from luban.protocols import Reading, Wish

KINDS = {"image": IMAGES, "sound": AUDIO}
MOST_LISTED = 100


@final
class MediaFiles:
    """Images or sounds that are in no class."""

    def recognises(self, path: Path, head: bytes) -> bool:
        if not path.is_dir():
            return _kind(path) is not None
        inside = [each for each in path.iterdir() if not each.name.startswith(".")]
        return not any(each.is_dir() for each in inside) and any(_kind(each) is not None for each in inside)

    def files(self, path: Path) -> tuple[Path, ...]:
        if not path.is_dir():
            return (path,)
        return tuple(sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")))

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        files = self.files(path)
        kind = Counter(filter(None, map(_kind, files))).most_common(1)[0][0]
        rows = [file for file in files if _kind(file) == kind]
        left = [
            (number, f"{file.name}: no {kind}") for number, file in enumerate(files, start=1) if _kind(file) != kind
        ]
        columns = {PATH: [file.name for file in rows], FILE: [file.name for file in rows]}
        pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_parquet(into, compression="lz4")
        return Reading(
            pl.scan_parquet(into),
            {"format": MEDIA, "kind": f"{kind}s"},
            dropped={f"no {kind}": len(left)} if left else {},
            listed=tuple(left[:MOST_LISTED]),
        )


def _kind(path: Path) -> str | None:
    ending = path.suffix.lower()
    return next((kind for kind, endings in KINDS.items() if ending in endings), None)


source = MediaFiles()
