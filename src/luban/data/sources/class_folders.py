"""A folder of class folders: each file is a row, and the name of the folder it lies in is its `label`.

    pets/cat/1.png  pets/dog/1.png                       `path` and `label`: images, sounds, or any other files
    aclImdb/train/pos/0_9.txt  aclImdb/test/neg/1_1.txt  `text` and `label`: files of texts are read
    ImageNet/train/n01440764/x.JPEG  .../val/...         folders train, val and test are the split, as it came

Files of another kind than most, and those that lie in no class folder, are left out, counted and listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import polars as pl
from polars.io.plugins import register_io_source

from luban.core.errors import DataError
from luban.data.infer import AUDIO, IMAGES
from luban.data.sources import _encoding, _folders, _plain
from luban.protocols import Reading, Wish

KINDS = {"image": IMAGES, "sound": AUDIO, "text": frozenset({".txt", ".text", ".md", ""})}
"""Endings of names. A file whose name has no ending is a text where its bytes are."""
UNLABELLED = frozenset({"unsup"})
"""Folders beside those of classes that hold rows without one (aclImdb)."""
LONGEST = 1 << 26
"""Bytes of a text."""
TOGETHER = 1 << 23
"""Bytes of texts that are written to Parquet together, at least."""
ROW_GROUP = 4_096
MOST_LISTED = 100
BESIDE = "in no class folder"
FORMAT, LABEL = "class folders", "label"
"""What the layout is called in what is told of it, and the column of its classes."""


@dataclass(frozen=True)
class _File:
    """A file, its class, and the part of the split that it lies in."""

    path: Path
    label: str
    part: str | None


@final
class ClassFolders:
    """Folders whose names are classes."""

    def recognises(self, path: Path, head: bytes) -> bool:
        return path.is_dir()

    def files(self, path: Path) -> tuple[Path, ...]:
        files, left = _found(path)
        return (*(file.path for file in files), *(file for file, _ in left))

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        files, left = _found(path)
        if not files:
            raise DataError(
                "the folder holds no data files, and no folders of files.",
                where=str(path),
                fix="give a file, a glob such as 'data/*.csv', or a folder with one folder for each class",
            )
        kind = _commonest(files)
        left = [(file, why) for file, why in left if why != BESIDE or _kind(file) == kind]
        if kind is not None:
            left += [(file.path, f"no {kind}") for file in files if _kind(file.path) != kind]
            files = [file for file in files if _kind(file.path) == kind]
        parts = {file.part for file in files} - {None}
        split = len(parts) > 1
        schema: dict[str, pl.DataType] = {"text" if kind == "text" else "path": pl.String(), LABEL: pl.String()}
        schema |= {_folders.SPLIT: pl.String()} if split else {}
        # Texts are read once, file by file; of other files only the path is kept.
        frames = _texts(files) if kind == "text" else iter([_paths(files)])
        register_io_source(lambda *_: (frame.select(list(schema)) for frame in frames), schema=schema).sink_parquet(
            into, row_group_size=ROW_GROUP, compression="lz4"
        )
        facts = {
            "format": FORMAT,
            "classes": str(len({file.label for file in files})),
            "files": str(len(files)),
        }
        if split:
            counted = Counter(file.part for file in files)
            facts["split"] = ", ".join(f"{counted[part]:,} {part}" for part in _folders.ORDER if counted[part])
        return Reading(
            pl.scan_parquet(into),
            facts,
            dropped=dict(Counter(why for _, why in left)),
            listed=tuple((number, f"{file}: {why}") for number, (file, why) in enumerate(left[:MOST_LISTED], start=1)),
            split=_folders.SPLIT if split else None,
        )


def _found(path: Path) -> tuple[list[_File], list[tuple[Path, str]]]:
    """The files of every class in order, and those that are left out with the reason."""
    folders = _inner(path)
    named = {folder: part for folder in folders if (part := _folders.part(folder.name))}
    # Two classes could be called so by chance, but not beside classes of their own.
    parts = named if len(set(named.values())) > 1 and any(_inner(folder) for folder in named) else {}
    files: list[_File] = []
    left: list[tuple[Path, str]] = []
    tops: Mapping[Path, str | None] = parts or {path: None}
    if not parts:
        left += [(file, BESIDE) for file in sorted(path.iterdir()) if _is_data(file)]
    for top, part in tops.items():
        for folder in _inner(top):
            if folder.name.lower() in UNLABELLED and part is not None:
                left += [(file, "in a folder of files without a class") for file in _files(folder)]
            else:
                files += [_File(file, folder.name, part) for file in _files(folder)]
        if part is not None and not _inner(top):
            left += [(file, f"{top.name} has no class folders") for file in _files(top)]
    return sorted(files, key=lambda file: _folders.ORDER.index(file.part) if file.part else 0), left


def _inner(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


def _is_data(path: Path) -> bool:
    """Whether a file that lies beside the class folders looks like one of their rows; a licence and the like do not."""
    return path.is_file() and not path.name.startswith(".") and path.suffix != "" and _kind(path) is not None


def _kind(path: Path) -> str | None:
    ending = path.suffix.lower()
    # A number after a dot, as in `message.123`, is no ending.
    ending = "" if ending[1:].isdecimal() else ending
    return next((kind for kind, endings in KINDS.items() if ending in endings), None)


def _commonest(files: list[_File]) -> str | None:
    """The kind of most files; None where it is none that luban knows."""
    kind = Counter(_kind(file.path) for file in files).most_common(1)[0][0]
    if kind != "text":
        return kind
    first = next(file.path for file in files if _kind(file.path) == "text")
    return None if b"\0" in _plain.start(first, 1000) else "text"


def _paths(files: list[_File]) -> pl.DataFrame:
    return _table("path", [str(file.path.absolute()) for file in files], files)


def _texts(files: list[_File]) -> Iterator[pl.DataFrame]:
    """The texts with their labels, many at once."""
    some: list[_File] = []
    texts: list[str] = []
    size = 0
    for file in files:
        text = _text(file.path)
        some.append(file)
        texts.append(text)
        size += len(text)
        if size >= TOGETHER:
            yield _table("text", texts, some)
            some, texts, size = [], [], 0
    if some:
        yield _table("text", texts, some)


def _table(name: str, values: list[str], files: list[_File]) -> pl.DataFrame:
    columns = {name: values, LABEL: [file.label for file in files], _folders.SPLIT: [file.part for file in files]}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _text(path: Path) -> str:
    """The text of a file: UTF-8 where every byte agrees, else the encoding that its bytes look like."""
    size = path.stat().st_size
    if size > LONGEST:
        raise DataError(
            f"a text of {size:,} bytes is longer than the {LONGEST:,} that a row may have.",
            where=str(path),
            fix="cut it into several files",
        )
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(_encoding.guess(path, data[:1000])[0], "replace")


def has_classes(facts: Mapping[str, str]) -> bool:
    """Whether these are facts of folders of two classes or more.

    >>> has_classes({"format": "class folders", "classes": "2"}), has_classes({"format": "csv"})
    (True, False)
    >>> has_classes({"format": "class folders", "classes": "1"})
    False
    """
    return facts.get("format") == FORMAT and int(facts["classes"]) > 1


source = ClassFolders()
