"""What every source and every sample keeps, whichever there are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.data.open import open_dataset

WRITERS = {
    "csv": ("x.csv", pl.DataFrame.write_csv),
    "parquet": ("x.parquet", pl.DataFrame.write_parquet),
    "arrow": ("x.arrow", pl.DataFrame.write_ipc),
    "jsonlines": ("x.jsonl", pl.DataFrame.write_ndjson),
}
TABLE = pl.DataFrame({"a": [1, 2, None], "b": ["x", "y", "z"], "c": [0.5, None, 2.0]})


@pytest.mark.parametrize("name", registry.names("data.sources"))
def test_a_source_recognises_its_own_and_reads_it_lazily(name: str, tmp_path: Path) -> None:
    source = registry.find("data.sources", name)
    if name == "class-folders":
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "1.png").write_bytes(b"x")
        assert source.recognises(tmp_path, b"")
        assert source.read(tmp_path, {}, tmp_path / "o.parquet").frame.collect().height == 1
        return
    file, write = WRITERS[name]
    write(TABLE, tmp_path / file)
    head = (tmp_path / file).read_bytes()[:1000]
    assert source.recognises(tmp_path / file, head)
    others = set(WRITERS) - {name, "csv"}
    assert not any(registry.find("data.sources", other).recognises(tmp_path / file, head) for other in others)
    reading = source.read(tmp_path / file, {}, tmp_path / "o.parquet")
    assert isinstance(reading.frame, pl.LazyFrame)
    assert reading.frame.collect().equals(TABLE)
    assert reading.facts["format"]


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_cut_file_is_an_error_or_fewer_rows_but_no_defect(name: str, tmp_path: Path) -> None:
    file, write = WRITERS[name]
    write(TABLE, tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for length in range(0, len(data), max(1, len(data) // 20)):
        (tmp_path / file).write_bytes(data[:length])
        try:
            open_dataset(tmp_path / file).frame.collect()
        except DataError as error:
            assert error.where


@pytest.mark.parametrize("name", registry.names("data.samples"))
def test_a_sample_is_what_it_says(name: str) -> None:
    sample = registry.find("data.samples", name)
    assert sample.title and sample.rows > 0
    try:
        dataset = open_dataset(f"sample:{name}")
    except UsageError as error:
        assert sample.fetch and f"luban sample {name} --fetch" == error.fix
        return
    assert (dataset.rows, sample.target in dataset.schema) == (sample.rows, True)
