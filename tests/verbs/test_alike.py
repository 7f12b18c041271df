"""`luban embed --pair`: how alike the two texts of each row are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.core.errors import DataError, UsageError
from luban.verbs.embed import embed
from origins import tiny

ONE = ["goal match", "bank of trade", "the cup"]
OTHER = ["match goal", "bank of trade", "shares"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return str(tiny.write(tmp_path / "tiny"))


def vectors(folder: str, texts: list[str]) -> np.ndarray:
    out = io.BytesIO()
    embed(pl.DataFrame({"text": texts}), from_=folder, text="text", stream=out)
    return pl.read_csv(out.getvalue()).drop("row").to_numpy()


def test_it_is_the_cosine_of_both_vectors_and_the_order_of_columns_changes_nothing(folder: str) -> None:
    rows = pl.DataFrame({"one": ONE, "other": OTHER, "number": [1, 2, 3]})
    found = embed(rows, from_=folder, pair="one,other").document
    assert found["rows"] == 3 and [line["row"] for line in found["pairs"]] == [0, 1, 2]
    said = np.array([line["similarity"] for line in found["pairs"]])
    assert said == pytest.approx((vectors(folder, ONE) * vectors(folder, OTHER)).sum(axis=1), abs=1e-5)
    assert said[1] == pytest.approx(1.0) and np.abs(said).max() <= 1.0
    again = embed(rows, from_=folder, pair="other, one").document["pairs"]
    assert [line["similarity"] for line in again] == pytest.approx(said.tolist(), abs=1e-6)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_it_is_written_as_the_file_ends(folder: str, ending: str) -> None:
    rows = pl.DataFrame({"one": ONE, "other": OTHER})
    told = embed(rows, from_=folder, pair="one,other", out=f"it.{ending}").document
    assert told == {"rows": 3, "out": f"it.{ending}"}
    read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[ending](f"it.{ending}")
    assert read.columns == ["row", "similarity"] and read["similarity"].dtype == pl.Float64 and len(read) == 3


def test_a_name_of_a_column_may_hold_a_comma(folder: str) -> None:
    rows = pl.DataFrame({"one, or": ONE, "other": OTHER})
    assert embed(rows, from_=folder, pair="one, or,other").document["rows"] == 3


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("one,otter", "there is no column 'otter'. Did you mean 'other'"),
        ("one", "'one' names no two columns"),
        ("one,one", "name another column"),
    ],
)
def test_columns_that_are_none_are_told(folder: str, pair: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        embed(pl.DataFrame({"one": ONE, "other": OTHER}), from_=folder, pair=pair)


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_an_empty_text_is_told_with_its_column_and_row(folder: str, missing: str | None) -> None:
    rows = pl.DataFrame({"one": ONE, "other": [*OTHER[:2], missing]})
    with pytest.raises(DataError, match="row 2 has no text in 'other'"):
        embed(rows, from_=folder, pair="one,other")


@pytest.mark.parametrize(("option", "asked"), [("--text", {"text": "one"}), ("--find", {"find": "goal"})])
def test_what_means_nothing_beside_it_is_refused(folder: str, option: str, asked: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        embed(pl.DataFrame({"one": ONE, "other": OTHER}), from_=folder, pair="one,other", **asked)
    assert refused.value.where == option


def test_parquet_needs_a_file(folder: str) -> None:
    with pytest.raises(UsageError, match="parquet needs a file"):
        embed({"one": ONE, "other": OTHER}, from_=folder, pair="one,other", stream=io.BytesIO(), format="parquet")
