"""CIFAR-10 and CIFAR-100 in their binary version: `data_batch_1.bin` to `test_batch.bin`, `train.bin` and `test.bin`.

A row is a byte with its label (CIFAR-100: one of the 20 coarse classes, then one of the 100), and 32 x 32 bytes of
red, of green, of blue. It becomes an `image`, (32, 32, 3) bytes, and a `label`, by name where the list of names lies
beside. The version for Python is refused: it is made of pickles, and a pickle can run any code when it is opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from luban.core.errors import DataError
from luban.data.sources import _folders, _plain
from luban.protocols import Reading, Wish

_BATCH = re.compile(r"(?P<ten>data_batch_\d+|test_batch)|(?P<hundred>train|test)")
_PICKLES = frozenset({"data_batch_1", "test_batch", "batches.meta"})
SIDE = 32
PIXELS = 3 * SIDE * SIDE
SCHEMA: dict[str, pl.DataType] = {"image": pl.Array(pl.UInt8, (SIDE, SIDE, 3)), "label": pl.String()}
SLICE = 2_000
"""Images that are read, and written to Parquet, together."""


@dataclass(frozen=True)
class _Kind:
    """labels: bytes before the pixels; the last of them is the label. names: the file that lists the classes."""

    title: str
    labels: int
    classes: int
    names: str

    @property
    def row(self) -> int:
        return self.labels + PIXELS


_TEN = _Kind("CIFAR-10 binary", 1, 10, "batches.meta.txt")
_HUNDRED = _Kind("CIFAR-100 binary", 2, 100, "fine_label_names.txt")


@final
class Cifar:
    """Batches of the binary version."""

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return bool(_batches(path)) or _is_pickled(path)
        return _is_pickle(path) or _batch(path) is not None

    def files(self, path: Path) -> tuple[Path, ...]:
        if _is_pickled(path) or _is_pickle(path):
            raise DataError(
                "these are pickles, which can run any code when they are opened, so luban never does.",
                where=str(path),
                fix="get the 'binary version' of the same set; its files end in .bin",
            )
        batches = _batches(path) if path.is_dir() else [path]
        names = batches[0].with_name(_kind(batches[0]).names)
        return (*batches, *([names] if names.exists() else []))

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        batches = [file for file in self.files(path) if file.suffix == ".bin"]
        kind = _kind(batches[0])
        for batch in batches:
            _check(batch, kind)
        classes = _classes(batches[0].with_name(kind.names), kind)
        split = len({_part(batch) for batch in batches}) > 1
        schema = SCHEMA | ({_folders.SPLIT: pl.String()} if split else {})
        register_io_source(lambda names, *_: _frames(batches, kind, classes, split, names), schema=schema).sink_parquet(
            into, row_group_size=SLICE, compression="lz4"
        )
        facts = {"format": kind.title, "batches": str(len(batches))}
        if kind is _HUNDRED:
            facts["label"] = "the 100 fine classes; the 20 coarse ones are left out"
        return Reading(pl.scan_parquet(into), facts, split=_folders.SPLIT if split else None)


def _batch(path: Path) -> re.Match[str] | None:
    return _BATCH.fullmatch(path.stem) if path.suffix == ".bin" else None


def _batches(folder: Path) -> list[Path]:
    """The batches of a folder, those of the test rows last."""
    found = [each for each in folder.iterdir() if _batch(each) and each.stat().st_size]
    return sorted(found, key=lambda each: (_part(each) == "test", len(each.name), each.name))


def _part(path: Path) -> str:
    return "test" if path.name.startswith("test") else "train"


def _kind(path: Path) -> _Kind:
    match = _batch(path)
    return _HUNDRED if match is not None and match["hundred"] else _TEN


def _is_pickled(path: Path) -> bool:
    """Whether a folder is the version for Python."""
    if not path.is_dir():
        return False
    there = {each.name for each in path.iterdir()}
    return bool(there & _PICKLES) or ({"train", "test", "meta"} <= there and (path / "meta").is_file())


def _is_pickle(path: Path) -> bool:
    known = path.name in _PICKLES or path.name.startswith("data_batch_")
    return known and path.is_file() and _plain.start(path, 1) == b"\x80"


def _check(path: Path, kind: _Kind) -> None:
    size = path.stat().st_size
    if size % kind.row:
        raise DataError(
            f"it has {size:,} bytes, and a row of {kind.title} has {kind.row:,}: after {size // kind.row:,} rows "
            f"{size % kind.row:,} bytes are left.",
            where=str(path),
            fix="download the file again",
        )


def _classes(path: Path, kind: _Kind) -> list[str]:
    """The names of the classes; their numbers, where no list of names is there."""
    if not path.exists():
        return [str(number) for number in range(kind.classes)]
    names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(names) != kind.classes or len(set(names)) != kind.classes:
        raise DataError(
            f"it lists {len(set(names))} classes, and {kind.title} has {kind.classes}.",
            where=str(path),
            fix="download the file again, or remove it: labels are then numbers",
        )
    return names


def _frames(
    batches: list[Path], kind: _Kind, classes: list[str], split: bool, names: list[str] | None
) -> Iterator[pl.DataFrame]:
    known = np.array(classes, dtype=object)
    for path in batches:
        with path.open("rb") as file:
            first = 0
            while data := _plain.exactly(file, SLICE * kind.row):
                rows = np.frombuffer(data, dtype=np.uint8).reshape(-1, kind.row)
                labels = rows[:, kind.labels - 1]
                wrong = np.flatnonzero(labels >= kind.classes)
                if len(wrong):
                    raise DataError(
                        f"row {first + wrong[0]:,} has the label {labels[wrong[0]]}, and there are {kind.classes} "
                        "classes.",
                        where=str(path),
                        fix="download the file again",
                    )
                # Planes of one colour each become pixels of three colours.
                pixels = rows[:, kind.labels :].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
                columns = [
                    pl.Series("image", np.ascontiguousarray(pixels)),
                    pl.Series("label", known[labels].tolist(), dtype=pl.String),
                ]
                if split:
                    columns.append(pl.Series(_folders.SPLIT, [_part(path)] * len(rows)))
                frame = pl.DataFrame(columns)
                yield frame if names is None else frame.select(names)
                first += len(rows)


source = Cifar()
