"""Paths in a table start from the table's folder, wherever luban is called from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from luban.data.open import open_dataset


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))


def _table(folder: Path, ending: str = ".png") -> Path:
    (folder / "files").mkdir(parents=True)
    names = [f"files/{number}{ending}" for number in range(3)]
    for name in names:
        (folder / name).write_bytes(b"x")
    pl.DataFrame({"path": [*names, f"/else{ending}", None], "y": [1, 2, 3, 4, 5]}).write_csv(folder / "table.csv")
    return folder / "table.csv"


@pytest.mark.parametrize("ending", [".png", ".wav"])
def test_relative_paths_start_from_the_folder_of_the_table(ending: str, tmp_path: Path) -> None:
    place = _table(tmp_path / "data", ending)
    found = open_dataset(place).frame.collect()["path"].to_list()
    assert found[:3] == [str(tmp_path / "data" / "files" / f"{number}{ending}") for number in range(3)]
    assert found[3:] == [f"/else{ending}", None]


def test_two_equal_tables_in_two_folders_have_their_own_paths(tmp_path: Path) -> None:
    for name in ("one", "two"):
        place = _table(tmp_path / name)
        assert open_dataset(place).frame.collect()["path"][0] == str(tmp_path / name / "files" / "0.png")


def test_the_table_may_be_named_by_its_folder_or_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = _table(tmp_path / "data")
    monkeypatch.chdir(place.parent)
    for name in (place.parent, "table.csv", "."):
        assert Path(open_dataset(name).frame.collect()["path"][0]).is_absolute()


def test_paths_that_lie_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    place = tmp_path / "table.csv"
    place.write_text("path,y\na/1.png,1\na/2.png,2\n", encoding="utf-8")
    assert open_dataset(place).frame.collect()["path"].to_list() == ["a/1.png", "a/2.png"]


def test_texts_that_are_no_paths_stay_as_they_are_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"x")
    place = tmp_path / "table.csv"
    place.write_text("name,y\n1,1\n1,2\n", encoding="utf-8")
    assert open_dataset(place, columns={"name": "text"}).frame.collect()["name"].to_list() == ["1", "1"]
    asked = open_dataset(place, columns={"name": "image"}).frame.collect()["name"].to_list()
    assert asked == [str(tmp_path / "1")] * 2


def test_rows_to_answer_are_resolved_as_the_training_rows_were(tmp_path: Path) -> None:
    trained = open_dataset(_table(tmp_path / "train"))
    place = _table(tmp_path / "new")
    followed = open_dataset(place, like=trained.schema).frame.collect()["path"].to_list()
    assert followed[0] == str(tmp_path / "new" / "files" / "0.png")
