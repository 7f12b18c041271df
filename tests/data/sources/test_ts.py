"""Series of UCR/UEA: channels, lengths, what is not known, the split; a broken line is named by its number."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from layouts import TS, write_ts
from luban.core.errors import DataError
from luban.data.open import open_dataset
from luban.data.sources import ts

ONE, MANY = TS.format(univariate="true"), TS.format(univariate="false")


def _rows(tmp_path: Path, text: str) -> pl.DataFrame:
    place = tmp_path / "x.ts"
    place.write_text(text, encoding="utf-8")
    return open_dataset(place).frame.collect()


def test_both_files_of_a_folder_are_one_table_that_came_split(tmp_path: Path) -> None:
    dataset = open_dataset(write_ts(tmp_path / "Tiny"))
    assert dataset.split == "split"
    assert dataset.frame.collect().rows() == [
        ([1.0, 2.0, 3.0], "up", "train"),
        ([3.0, None], "down", "train"),
        ([-0.5, 10.0, 2.5], "up", "test"),
    ]


def test_a_file_alone_has_no_split(tmp_path: Path) -> None:
    dataset = open_dataset(write_ts(tmp_path / "Tiny") / "Tiny_TEST.ts")
    assert (dataset.split, dataset.rows, dataset.name) == (None, 1, "Tiny_TEST")


def test_several_channels_become_steps_of_channels(tmp_path: Path) -> None:
    table = _rows(tmp_path, f"{MANY}1,2,3:4,5,?:up\n7:8:down\n")
    assert table.schema["series"] == pl.List(pl.List(pl.Float64))
    assert table.rows() == [([[1.0, 4.0], [2.0, 5.0], [3.0, None]], "up"), ([[7.0, 8.0]], "down")]


def test_targets_may_be_numbers_and_may_be_missing(tmp_path: Path) -> None:
    numbers = ONE.replace("@classLabel true up down", "@targetLabel true")
    assert _rows(tmp_path, f"{numbers}1,2:0.5\n").rows() == [([1.0, 2.0], 0.5)]
    without = ONE.replace("@classLabel true up down", "@classLabel false")
    assert _rows(tmp_path, f"{without}1,2\n3,4\n").rows() == [([1.0, 2.0],), ([3.0, 4.0],)]


def test_rows_may_be_written_in_any_number_of_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ONE + "".join(f"{i},{i + 0.5}:{'up' if i % 2 else 'down'}\n" for i in range(50))
    whole = _rows(tmp_path, text)
    monkeypatch.setattr(ts, "TOGETHER", 6)
    into = tmp_path / "pieces.parquet"
    assert ts.source.read(tmp_path / "x.ts", {}, into).frame.collect().equals(whole)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"{ONE}1,2:up\n1,x:down\n", 8, "'x' is no number (channel 1, step 2)"),
        (f"{ONE}1,2:up\n\n1,2:sideways\n", 9, "'sideways' is none of the classes"),
        (f"{ONE}1,2:up\n1,2:3,4:up\n", 8, "this row has 2 channels, and 1 are expected"),
        (f"{ONE}1,2\n", 7, "this row has 0 channels"),
        (f"{MANY}1,2:3,4:up\n1,2:3:up\n", 8, "different lengths: 1, 2"),
        (f"{MANY}1,2:3,4:up\n1,2:up\n", 8, "this row has 1 channels, and 2 are expected"),
        (f"{ONE}1,,2:up\n", 7, "'' is no number (channel 1, step 2)"),
        ("# a\n1,2:up\n", 2, "is no line of a header"),
    ],
)
def test_a_broken_line_is_named_by_its_number(text: str, line: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        _rows(tmp_path, text)
    assert message in raised.value.message
    assert str(raised.value.where).endswith(f"x.ts, line {line}")


def test_a_file_without_rows_and_series_with_time_stamps_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no line '@data'"):
        _rows(tmp_path, "@problemName x\n")
    with pytest.raises(DataError, match="time stamps"):
        _rows(tmp_path, ONE.replace("@timeStamps false", "@timeStamps true") + "(0,1),(1,2):up\n")


def test_a_folder_of_several_sets_is_told(tmp_path: Path) -> None:
    folder = write_ts(tmp_path / "Tiny")
    (folder / "Other_TRAIN.ts").write_text(f"{ONE}1:up\n", encoding="utf-8")
    with pytest.raises(DataError, match="several sets"):
        open_dataset(folder)


def test_a_test_file_of_other_channels_is_told(tmp_path: Path) -> None:
    folder = write_ts(tmp_path / "Tiny")
    (folder / "Tiny_TEST.ts").write_text(f"{MANY}1:2:up\n", encoding="utf-8")
    with pytest.raises(DataError, match="other channels"):
        open_dataset(folder)
