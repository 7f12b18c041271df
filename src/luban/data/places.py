"""From a place to the rows that lie there: which files are meant, in which format they are, and what the cache knows.

A place is a path, a glob, a folder, `-` for stdin, or `sample:NAME`. What the columns mean is in `infer`.
"""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from luban.core import fingerprint, registry
from luban.core.console import Console
from luban.core.errors import DataError, UsageError
from luban.core.suggest import fold, nearest
from luban.core.units import read_size
from luban.data import cache
from luban.data.catalogue import WRITING, is_model, sample_path
from luban.data.dataset import FILE, MEDIA, PATH
from luban.data.sources import _plain
from luban.data.sources.text_files import ENDINGS as TEXT_ENDINGS
from luban.protocols import Reading, Source, Wish

READER = 5
"""Counts up when files come to be read otherwise, so that nothing old is taken from the cache."""
LARGE = 50 << 20
"""Bytes of a file from which it is said that it is read."""
FORMATS = ("parquet", "arrow", "idx", "cifar", "ts", "conll", "jsonlines", "media-files", "csv")
"""The formats of files, in the order in which they are asked: any text may be separated values."""
LAYOUTS = ("idx", "cifar", "ts", "text-files", "media-files", "class-folders")
"""The layouts of folders, in the order in which they are asked: any folder may be one of classes."""
TEXTS = "text-files"
"""What reads files whose texts are learned themselves, where they end like texts."""
ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".arrow", ".feather", ".ipc")
"""Of the files in a folder, those that are its data."""
_SAMPLE = "sample:"
_STDIN = "-"


@dataclass(frozen=True)
class Found:
    """What was read of a place. content: the fingerprint of its bytes. folder: where its paths start from."""

    name: str
    where: str
    content: str
    reading: Reading
    folder: Path | None = None


def read(place: str, wishes: Mapping[str, Wish], console: Console, documents: bool = False) -> Found:
    """What is read of a place. wishes: how columns of texts are to be read. documents: see `open.open_dataset`.

    Raises UsageError for a place that is not there, and DataError for data that cannot be read.
    """
    if not place:
        # The working folder would be read, which nobody named.
        raise UsageError(
            "the name of the data is empty.", where="DATA", fix="name a file, a folder, a glob or sample:NAME"
        )
    if place == _STDIN:
        path, content = cache.keep(sys.stdin.buffer)
        return replace(_of_file(path, wishes, console, content=content, shown="stdin"), name="stdin")
    if place.startswith(_SAMPLE):
        name = place.removeprefix(_SAMPLE)
        if is_model(name):
            writes = registry.find("data.samples", name).ending == WRITING
            fix = f'luban generate {fold(name)} "PROMPT"' if writes else f"begin from it: --from {fold(name)}"
            raise UsageError("this is a pretrained model, and no data.", where=place, fix=fix)
        sample = sample_path(name)
        read = _of_folder if sample.is_dir() else _of_file
        return replace(read(sample, wishes, console), name=fold(name))
    path = Path(place)
    if documents and _holds_texts(path):
        return _of_source(path, TEXTS, registry.find("data.sources", TEXTS), wishes, console)
    if path.is_dir():
        return _of_folder(path, wishes, console)
    if path.exists():
        return _of_file(path, wishes, console)
    if glob.has_magic(place):
        files = sorted(Path(file) for file in glob.glob(place, recursive=True) if Path(file).is_file())
        if documents and any(_plain.ending(file) in TEXT_ENDINGS for file in files):
            raise UsageError("texts are given as a file or a folder.", where=place, fix=f"give {Path(place).parent}")
        if files:
            return _of_files(files, place, _name(Path(place).parent), wishes, console)
        raise UsageError("no file fits this pattern.", where=place, fix=f"look with: ls {path.parent}")
    raise _missing(path)


def _holds_texts(path: Path) -> bool:
    """Whether a file ends like a text, or a folder holds such files, also further in, and no table."""
    if not path.is_dir():
        return path.exists() and _plain.ending(path) in TEXT_ENDINGS
    with cache.readable(path):
        if any(_plain.ending(each) in ENDINGS for each in path.iterdir()):
            return False
    return bool(registry.find("data.sources", TEXTS).files(path))


def _missing(path: Path) -> UsageError:
    if path.parent.is_dir():
        # Without endings: every other CSV would be near.
        there = {each.stem: each for each in sorted(path.parent.iterdir()) if not each.name.startswith(".")}
        close = nearest(path.stem, there)
        if close is not None:
            return UsageError("there is no such file.", where=str(path), fix=f"did you mean {there[close]}?")
    known = registry.names("data.samples")
    near = nearest(path.name, known)
    hint = f"did you mean {_SAMPLE}{near}?" if near else "check the path; the samples are shown by: luban sample"
    return UsageError("there is no such file.", where=str(path), fix=hint)


def _of_folder(path: Path, wishes: Mapping[str, Wish], console: Console) -> Found:
    if (path / "manifest.json").exists():
        raise UsageError(
            "this is a bundle, and data is expected here.",
            where=str(path),
            fix=f"luban inspect {path} shows what it holds",
        )
    with cache.readable(path):
        files = sorted(each for each in path.iterdir() if each.is_file() and _plain.ending(each) in ENDINGS)
    if files:
        return _of_files(files, str(path), _name(path), wishes, console)
    name = next(name for name in LAYOUTS if registry.find("data.sources", name).recognises(path, b""))
    return _of_source(path, name, registry.find("data.sources", name), wishes, console)


def _of_files(files: list[Path], where: str, name: str, wishes: Mapping[str, Wish], console: Console) -> Found:
    """The rows of several files, one below the other; they must have the same columns."""
    parts = [_of_file(file, wishes, console) for file in files]
    names = parts[0].reading.frame.collect_schema().names()
    dropped: Counter[str] = Counter()
    listed: list[tuple[int, str]] = []
    words: dict[str, tuple[str, ...]] = {}
    texts: set[str] = set()
    for part in parts:
        schema = part.reading.frame.collect_schema()
        if set(schema.names()) != set(names):
            odd = sorted(set(schema.names()) ^ set(names))[0]
            raise DataError(
                f"its columns are not those of {parts[0].where}: '{odd}' is in one of them only.",
                where=part.where,
                fix="give files with the same columns",
            )
        texts |= {column for column, dtype in schema.items() if dtype == pl.String}
        dropped.update(part.reading.dropped)
        listed += [(line, f"{why}, in {part.where}") for line, why in part.reading.listed]
        for column, found in part.reading.missing_words.items():
            words[column] = tuple(dict.fromkeys([*words.get(column, ()), *found]))
    # A column that is one of texts in some file is one in all.
    frames = [part.reading.frame.select(names).with_columns(pl.col(sorted(texts)).cast(pl.String)) for part in parts]
    facts = {**parts[0].reading.facts, "files": str(len(parts))}
    reading = Reading(
        pl.concat(frames, how="vertical_relaxed"), facts, dict(dropped), tuple(listed[:100]), missing_words=words
    )
    folders = {part.folder for part in parts}
    folder = folders.pop() if len(folders) == 1 else None
    return Found(name, where, fingerprint.of_json([part.content for part in parts]), reading, folder)


def _of_file(
    path: Path, wishes: Mapping[str, Wish], console: Console, *, content: str | None = None, shown: str | None = None
) -> Found:
    where = shown or str(path)
    with cache.readable(path):
        head = _plain.head(path)
    size = path.stat().st_size
    if not size:
        raise DataError("the file is empty.", where=where, fix="check that it was written to the end")
    name, source = _source(path, head)
    return _of_source(path, name, source, wishes, console, content=content, shown=shown)


def _of_source(
    path: Path,
    name: str,
    source: Source,
    wishes: Mapping[str, Wish],
    console: Console,
    *,
    content: str | None = None,
    shown: str | None = None,
) -> Found:
    """What a source reads of a file or folder; from the cache, where it was read before."""
    where = shown or str(path)
    files = source.files(path)
    size = sum(file.stat().st_size for file in files)
    content = content or _content(path, files)
    if cache.is_temporary():
        console.say("the cache cannot be written, so the data will be read anew next time (set LUBAN_CACHE)")
    wished = {column: vars(wish) for column, wish in sorted(wishes.items())}
    inputs = [READER, name, content, _plain.ending(path)]

    def read(into: Path) -> dict[str, Any]:
        if size > LARGE:
            console.say(f"reading {where} ({read_size(size)})")
        try:
            reading = source.read(path, wishes, into)
        except DataError as error:
            raise DataError(error.message, where=(error.where or "").replace(str(path), where), fix=error.fix) from None
        return _about(reading)

    with cache.readable(path):
        freely = cache.known_table(fingerprint.of_json([*inputs, {}]))
        if freely is None or not _grants(*freely, wishes):
            freely = cache.table(fingerprint.of_json([*inputs, wished]), read)
    table, about = freely
    # What can be read lazily where it lies was not written to the cache.
    frame = pl.scan_parquet(table, glob=False) if table.exists() else source.read(path, wishes, table).frame
    if about["facts"].get("format") == MEDIA:
        # A copy of a folder has its own paths, though it is read from the cache.
        folder = path if path.is_dir() else path.parent
        frame = frame.with_columns((pl.lit(f"{folder.absolute()}/") + pl.col(FILE)).alias(PATH))
    return Found(_name(path), where, content, _reading(frame, about), None if shown else path.parent)


def _about(reading: Reading) -> dict[str, Any]:
    """What the cache keeps of what was read, beside its rows, as JSON values."""
    return {
        "facts": dict(reading.facts),
        "dropped": dict(reading.dropped),
        "listed": list(reading.listed),
        "missing_words": {column: list(words) for column, words in reading.missing_words.items()},
        "split": reading.split,
    }


def _reading(frame: pl.LazyFrame, about: Mapping[str, Any]) -> Reading:
    """What was read, as `_about` tells it."""
    return Reading(
        frame=frame,
        facts=about["facts"],
        dropped=about["dropped"],
        listed=tuple((line, why) for line, why in about["listed"]),
        missing_words={column: tuple(words) for column, words in about["missing_words"].items()},
        split=about["split"],
    )


def _content(path: Path, files: Sequence[Path]) -> str:
    """The fingerprint of the files that are read. Of the many of inner folders the times stand for the bytes."""
    if files == (path,):
        return cache.content(path)
    if all(file.parent == path or file.parent == path.parent for file in files):
        return fingerprint.of_json([[file.name, cache.content(file)] for file in files])
    states = [(file, file.stat()) for file in files]
    return fingerprint.of_json([[str(file.absolute()), state.st_size, state.st_mtime_ns] for file, state in states])


def _grants(table: Path, about: Mapping[str, Any], wishes: Mapping[str, Wish]) -> bool:
    """Whether a table that was read without wishes came out as it was wished."""
    if not table.exists():
        return not wishes
    dtypes = pl.scan_parquet(table, glob=False).collect_schema()
    words = about["missing_words"]
    return all(
        name not in dtypes or (str(dtypes[name]) == wish.dtype and set(words.get(name, ())) <= set(wish.missing_words))
        for name, wish in wishes.items()
    )


def _source(path: Path, head: bytes) -> tuple[str, Source]:
    for name in FORMATS:
        source: Source = registry.find("data.sources", name)
        if source.recognises(path, head):
            return name, source
    raise DataError(
        f"this is not a format that luban reads (it starts with {head[:8]!r}).",
        where=str(path),
        fix="give CSV, TSV, Parquet, JSON lines, Arrow or Feather; or idx, CIFAR, .ts or .conll files as they come",
    )


def _name(path: Path) -> str:
    """The name without folders and endings."""
    name = path.resolve().name if path.name in ("", ".", "..") else path.name
    for ending in [*_plain.COMPRESSED, _plain.ending(path)]:
        if ending and name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name or "data"
