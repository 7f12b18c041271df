"""A folder of class folders: each file is a row with its `path`; the name of the folder it lies in is its `label`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import polars as pl

from luban.core.errors import DataError
from luban.protocols import Reading, Wish


@final
class ClassFolders:
    """Folders whose names are classes."""

    def recognises(self, path: Path, head: bytes) -> bool:
        return path.is_dir()

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        classes = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
        rows = [(str(file), folder.name) for folder in classes for file in _files(folder)]
        if not rows:
            raise DataError(
                "the folder holds no data files, and no folders of files.",
                where=str(path),
                fix="give a file, a glob such as 'data/*.csv', or a folder with one folder for each class",
            )
        frame = pl.DataFrame(rows, schema={"path": pl.String, "label": pl.String}, orient="row")
        facts = {"format": "class folders", "classes": str(frame["label"].n_unique()), "files": str(len(rows))}
        return Reading(frame=frame.lazy(), facts=facts)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


source = ClassFolders()
