"""Images and labels of the MNIST family: `train-images-idx3-ubyte.gz` and its like, plain or compressed.

A folder holds one pair of files, or one for each part of the split; a file of images alone brings its labels where
they lie beside it. Rows have an `image`, (height, width) or (height, width, channels) bytes, and a `label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import polars as pl
from polars.io.plugins import register_io_source

from luban.core.errors import DataError
from luban.data.sources import _folders, _idx
from luban.protocols import Reading, Wish

_NAME = re.compile(r"(?P<stem>.*?)[-_.](?P<what>images|labels)[-_.]idx(?P<axes>\d)[-_.]ubyte(\.gz)?", re.IGNORECASE)
SLICE = 1 << 23
"""Bytes of images that are read, and written to Parquet, together."""


@dataclass(frozen=True)
class _Pair:
    """Images and their labels. part: of the split, where the name tells it; family: the rest of the name."""

    images: Path
    labels: Path | None
    part: str | None
    family: str


@final
class Idx:
    """Pairs of idx files."""

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return any(_NAME.fullmatch(each.name) for each in path.iterdir() if each.is_file())
        return _NAME.fullmatch(path.name) is not None or _idx.is_idx(head)

    def files(self, path: Path) -> tuple[Path, ...]:
        pairs = _pairs(path)
        return tuple(file for pair in pairs for file in (pair.images, pair.labels) if file is not None)

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        pairs = _pairs(path)
        headers = [_checked(pair) for pair in pairs]
        shape = headers[0].shape[1:]
        for pair, header in zip(pairs, headers, strict=True):
            if header.shape[1:] != shape:
                raise DataError(
                    f"its images are {_by(header.shape[1:])}, and those of {pairs[0].images.name} are {_by(shape)}.",
                    where=str(pair.images),
                    fix="give images of one size",
                )
        labelled = pairs[0].labels is not None
        split = len(pairs) > 1
        schema: dict[str, pl.DataType] = {"image": pl.Array(pl.UInt8, shape)}
        schema |= {"label": pl.String()} if labelled else {}
        schema |= {_folders.SPLIT: pl.String()} if split else {}
        rows = max(1, SLICE // headers[0].row)
        # Memory holds a slice of the images, however many there are.
        register_io_source(lambda names, *_: _frames(pairs, schema, rows, names), schema=schema).sink_parquet(
            into, row_group_size=rows, compression="lz4"
        )
        facts = {"format": "idx", "images": _by(shape)}
        if split:
            facts["split"] = ", ".join(f"{h.rows:,} {p.part}" for p, h in zip(pairs, headers, strict=True))
        if not labelled:
            facts["labels"] = f"none: no file of labels lies beside {pairs[0].images.name}"
        return Reading(pl.scan_parquet(into), facts, split=_folders.SPLIT if split else None)


def _pairs(path: Path) -> list[_Pair]:
    """The pairs of a folder in the order of the split, or the pair of a file of images."""
    if path.is_dir():
        return _of_folder(path)
    match = _NAME.fullmatch(path.name)
    if match is None:
        return [_Pair(path, None, None, path.name)]
    if match["what"].lower() == "labels":
        raise DataError(
            "this file holds labels without images.", where=str(path), fix=f"give the folder: {path.parent}"
        )
    found = [pair for pair in _all(path.parent) if pair.images == path]
    return found or [_Pair(path, None, None, path.name)]


def _of_folder(path: Path) -> list[_Pair]:
    pairs = _all(path)
    if not pairs:
        raise DataError("the folder holds labels without images.", where=str(path), fix="add the files of images")
    families = sorted({pair.family for pair in pairs})
    parts = [pair.part for pair in pairs]
    if len(families) > 1 or (len(pairs) > 1 and (None in parts or len(set(parts)) < len(parts))):
        shown = ", ".join(pair.images.name for pair in pairs[:4])
        raise DataError(
            f"the folder holds files of several sets ({shown}).",
            where=str(path),
            fix=f"give the images of one: {pairs[0].images}",
        )
    bare = [pair for pair in pairs if pair.labels is None]
    if bare and len(pairs) > len(bare):
        raise DataError(
            f"no file of labels lies beside {bare[0].images.name}.", where=str(path), fix="add it, or give one file"
        )
    return pairs


def _all(folder: Path) -> list[_Pair]:
    named = {each: match for each in sorted(folder.iterdir()) if (match := _NAME.fullmatch(each.name))}
    labels = {match["stem"]: each for each, match in named.items() if match["what"].lower() == "labels"}
    pairs = []
    for each, match in named.items():
        if match["what"].lower() == "images":
            family, _, last = match["stem"].rpartition("-")
            part = _folders.part(last)
            pairs.append(_Pair(each, labels.get(match["stem"]), part, family if part else match["stem"]))
    return sorted(pairs, key=lambda pair: _folders.ORDER.index(pair.part) if pair.part else 0)


def _checked(pair: _Pair) -> _idx.Header:
    """The header of the images. Raises DataError where they are none, or the labels do not fit them."""
    header = _idx.header(pair.images)
    if len(header.shape) not in (3, 4) or (len(header.shape) == 4 and header.shape[3] not in (1, 3, 4)):
        raise DataError(
            f"its rows are {_by(header.shape[1:])}, and images are height x width, or height x width x channels.",
            where=str(pair.images),
            fix="write images with 3 axes, or with 4",
        )
    if pair.labels is None:
        return header
    labels = _idx.header(pair.labels)
    if len(labels.shape) != 1:
        raise DataError(
            f"its labels have {len(labels.shape)} axes, and one label a row is expected.", where=str(pair.labels)
        )
    if labels.rows != header.rows:
        raise DataError(
            f"it holds {labels.rows:,} labels, and {pair.images.name} holds {header.rows:,} images.",
            where=str(pair.labels),
            fix="give files that belong together",
        )
    return header


def _frames(
    pairs: list[_Pair], schema: Mapping[str, pl.DataType], rows: int, names: list[str] | None
) -> Iterator[pl.DataFrame]:
    for pair in pairs:
        images = _idx.slices(pair.images, rows)
        labels = None if pair.labels is None else _idx.slices(pair.labels, rows)
        for some in images:
            columns = [pl.Series("image", some)]
            if labels is not None:
                columns.append(pl.Series("label", next(labels)).cast(pl.String))
            frame = pl.DataFrame(columns)
            if _folders.SPLIT in schema:
                frame = frame.with_columns(pl.lit(pair.part).alias(_folders.SPLIT))
            yield frame if names is None else frame.select(names)
        if labels is not None:
            # There are as many as images; what may follow them is an error.
            next(labels, None)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)


source = Idx()
