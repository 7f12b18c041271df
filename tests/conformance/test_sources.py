"""What every source keeps, whichever there are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import layouts
from luban.core import registry
from luban.core.errors import DataError
from luban.data import places
from luban.data.open import open_dataset

WRITERS = {
    "csv": ("x.csv", pl.DataFrame.write_csv),
    "parquet": ("x.parquet", pl.DataFrame.write_parquet),
    "arrow": ("x.arrow", pl.DataFrame.write_ipc),
    "jsonlines": ("x.jsonl", pl.DataFrame.write_ndjson),
    "conll": ("x.conll", layouts.write_conll),
}
FOLDERS = {
    "idx": layouts.write_idx,
    "cifar": layouts.write_cifar,
    "ts": layouts.write_ts,
    "text-files": layouts.write_documents,
    "media-files": layouts.write_media,
    "class-folders": layouts.write_texts,
}
"""Each writes its layout into a folder, with training and test rows."""
TABLE = pl.DataFrame({"a": [1, 2, None], "b": ["x", "y", "z"], "c": [0.5, None, 2.0]})
TABLES = {"conll": layouts.TAGGED}
"""Of formats that hold not any table."""


def test_every_source_is_asked_and_tried_here() -> None:
    assert set(places.FORMATS) | set(places.LAYOUTS) == set(registry.names("data.sources"))
    assert set(WRITERS) | set(FOLDERS) == set(registry.names("data.sources"))
    assert set(places.LAYOUTS) == set(FOLDERS)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_format_is_recognised_by_its_own_source_and_read_lazily(name: str, tmp_path: Path) -> None:
    source = registry.find("data.sources", name)
    file, write = WRITERS[name]
    table = TABLES.get(name, TABLE)
    write(table, tmp_path / file)
    head = (tmp_path / file).read_bytes()[:1000]
    assert source.recognises(tmp_path / file, head)
    others = set(places.FORMATS) - {name, "csv"}
    assert not any(registry.find("data.sources", other).recognises(tmp_path / file, head) for other in others)
    assert source.files(tmp_path / file) == (tmp_path / file,)
    reading = source.read(tmp_path / file, {}, tmp_path / "o.parquet")
    assert isinstance(reading.frame, pl.LazyFrame)
    assert reading.frame.collect().equals(table)
    assert reading.facts["format"]


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_layout_is_recognised_by_its_own_source_and_keeps_its_split(name: str, tmp_path: Path) -> None:
    source = registry.find("data.sources", name)
    folder = FOLDERS[name](tmp_path / "data")
    assert source.recognises(folder, b"")
    others = set(places.LAYOUTS) - {name, "class-folders"}
    assert not any(registry.find("data.sources", other).recognises(folder, b"") for other in others)
    files = source.files(folder)
    assert files and all(file.is_file() and folder in file.parents for file in files)
    reading = source.read(folder, {}, tmp_path / "o.parquet")
    assert isinstance(reading.frame, pl.LazyFrame)
    assert reading.facts["format"]
    if name == "media-files":
        assert reading.frame.collect()["file"].to_list() == ["a.png", "b.jpg"]
        assert dict(reading.dropped) == {"no image": 1}
        return
    if name == "text-files":
        assert reading.frame.collect()["text"].to_list() == ["Ulm is old.\n\nVery.", "Köln"]
        assert dict(reading.dropped) == {"no text": 1}
        return
    assert reading.split == "split"
    assert set(reading.frame.collect()["split"]) == {"train", "test"}
    assert reading.frame.collect()["label"].null_count() == 0


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_folder_is_read_once_and_has_the_same_fingerprint(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    folder = FOLDERS[name](tmp_path / "data")
    first = open_dataset(folder)

    def never(*_: object) -> None:
        raise AssertionError("it was read a second time")

    monkeypatch.setattr(type(registry.find("data.sources", name)), "read", never)
    second = open_dataset(folder)
    assert first.fingerprint == second.fingerprint
    assert (second.split, dict(second.facts)) == (first.split, dict(first.facts))
    assert first.frame.collect().equals(second.frame.collect())


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_cut_file_is_an_error_or_fewer_rows_but_no_defect(name: str, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    write(TABLES.get(name, TABLE), tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for length in range(0, len(data), max(1, len(data) // 20)):
        (tmp_path / file).write_bytes(data[:length])
        try:
            open_dataset(tmp_path / file).frame.collect()
        except DataError as error:
            assert error.where


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_cut_file_of_a_folder_is_an_error_or_fewer_rows_but_no_defect(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    folder = FOLDERS[name](tmp_path / "data")
    for file in registry.find("data.sources", name).files(folder):
        data = file.read_bytes()
        for length in range(0, len(data), max(1, len(data) // 5)):
            file.write_bytes(data[:length])
            try:
                open_dataset(folder).frame.collect()
            except DataError as error:
                assert error.where
        file.write_bytes(data)
