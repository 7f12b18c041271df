"""Predicting: columns, their order, formats, the id column, libraries in and out, and nothing half-written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import luban as package
from fitted import Fitted
from luban.core.errors import DataError, UsageError
from luban.data import loader
from verbs.program import luban

FLOWERS = {
    "sepal length (cm)": [5.1, 6.7, 5.9],
    "sepal width (cm)": [3.5, 3.1, 3.0],
    "petal length (cm)": [1.4, 5.6, 4.2],
    "petal width (cm)": [0.2, 2.4, 1.5],
}
CLASSES = ("setosa", "versicolor", "virginica")


@pytest.fixture(scope="module")
def iris(fitted: Fitted) -> package.Bundle:
    return package.load(fitted.bundle("iris"))


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    path = tmp_path / "flowers.csv"
    pl.DataFrame(FLOWERS).write_csv(path)
    return path


def read(data: bytes) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(data))


def read_by(size: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lets rows be read so many at once; how many there were is added for each slice."""
    real, seen = loader.slices, []

    def slices(frame: pl.LazyFrame, **others: Any) -> Any:
        for rows in real(frame, **{**others, "size": size}):
            seen.append(len(rows))
            yield rows

    monkeypatch.setattr(loader, "slices", slices)
    return seen


def test_classes_come_with_the_row_and_a_probability_each(iris: package.Bundle, flowers: Path) -> None:
    answers = read(luban("predict", iris.path, flowers).out)
    assert answers.columns == ["row", "prediction", *(f"probability_{name}" for name in CLASSES)]
    assert answers["row"].to_list() == [0, 1, 2]
    assert answers["prediction"].to_list() == ["setosa", "virginica", "versicolor"]
    probabilities = answers.drop("row", "prediction").to_numpy()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert [CLASSES[i] for i in probabilities.argmax(axis=1)] == answers["prediction"].to_list()


def test_values_come_with_the_bounds_of_an_interval(fitted: Fitted) -> None:
    answers = read(luban("predict", fitted.bundle("diabetes"), "sample:diabetes").out)
    assert answers.columns == ["row", "prediction", "low", "high"]
    assert len(answers) == 442
    assert (answers["low"] < answers["prediction"]).all() and (answers["prediction"] < answers["high"]).all()
    truth = pl.read_csv(package.sample("diabetes").path)["progression"]
    held = ((answers["low"] <= truth) & (truth <= answers["high"])).mean()
    assert 0.85 <= held <= 0.99


def test_rows_keep_their_order_over_slices(
    iris: package.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = read_by(7, monkeypatch)
    many = pl.concat([pl.DataFrame(FLOWERS)] * 20)
    many.write_csv(tmp_path / "many.csv")
    answers = read(luban("predict", iris.path, tmp_path / "many.csv").out)
    assert slices == [7] * 8 + [4]
    assert answers["row"].to_list() == list(range(60))
    assert answers["prediction"].to_list() == ["setosa", "virginica", "versicolor"] * 20


def test_an_id_column_stands_in_the_place_of_the_row(tmp_path: Path) -> None:
    lines = [f"{'abcdefghij'[i % 10]}{i:04x}-{i * 7919 % 104729},{i % 7},{i % 2}" for i in range(60)]
    (tmp_path / "people.csv").write_text("customer_id,size,y\n" + "\n".join(lines) + "\n")
    columns = {"customer_id": "identifier"}
    bundle = package.fit(
        tmp_path / "people.csv", "y", model="constant", column=columns, out=tmp_path / "people.luban", threads=1
    )
    done = luban("predict", bundle.path, tmp_path / "people.csv")
    answers = read(done.out)
    assert answers.columns[:2] == ["customer_id", "prediction"]
    assert answers["customer_id"].to_list() == [line.split(",")[0] for line in lines]
    (tmp_path / "nameless.csv").write_text("size\n3\n")
    assert read(luban("predict", bundle.path, tmp_path / "nameless.csv").out)["row"].to_list() == [0]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_format_holds_the_same_answers(ending: str, iris: package.Bundle, flowers: Path, tmp_path: Path) -> None:
    expected = read(luban("predict", iris.path, flowers).out)
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet,
    }  # fmt: skip
    done = luban("predict", iris.path, flowers, "--out", tmp_path / f"answers.{ending}")
    assert done.code == 0
    assert b"3 rows answered" in done.out
    assert readers[ending](tmp_path / f"answers.{ending}").equals(expected)
    asked = luban("predict", iris.path, flowers, "--out", tmp_path / "answers.txt", "--format", ending)
    assert asked.code == 0
    assert readers[ending](tmp_path / "answers.txt").equals(expected)


def test_json_lists_predictions_with_their_probabilities(iris: package.Bundle, flowers: Path, tmp_path: Path) -> None:
    document = luban("predict", iris.path, flowers, "--json").document
    assert [line["row"] for line in document["predictions"]] == [0, 1, 2]
    assert set(document["predictions"][0]) == {"row", "prediction", "probabilities"}
    assert tuple(document["predictions"][0]["probabilities"]) == CLASSES
    written = luban("predict", iris.path, flowers, "--json", "--out", tmp_path / "answers.csv").document
    assert written == {"rows": 3, "out": str(tmp_path / "answers.csv")}


def test_stdout_holds_answers_and_nothing_else(iris: package.Bundle, flowers: Path) -> None:
    done = luban("predict", iris.path, flowers, "--format", "jsonl")
    assert [json.loads(line)["row"] for line in done.lines] == [0, 1, 2]
    parquet = luban("predict", iris.path, flowers, "--format", "parquet")
    assert parquet.code == 2
    assert parquet.out == b""
    assert "--out answers.parquet" in parquet.told


LIBRARIES: dict[str, tuple[Callable[[], Any], type]] = {
    "polars": (lambda: pl.DataFrame(FLOWERS), pl.Series),
    "a lazy polars table": (lambda: pl.LazyFrame(FLOWERS), pl.Series),
    "pandas": (lambda: pd.DataFrame(FLOWERS, index=[7, 8, 9]), pd.Series),
    "pyarrow": (lambda: pa.table(FLOWERS), pa.Array),
    "a dictionary": (lambda: FLOWERS, np.ndarray),
    "dictionaries": (lambda: pl.DataFrame(FLOWERS).to_dicts(), np.ndarray),
    "a 2-d array": (lambda: np.array(list(FLOWERS.values())).T, np.ndarray),
    "lists": (lambda: np.array(list(FLOWERS.values())).T.tolist(), np.ndarray),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_answers_come_in_the_library_of_the_question(library: str, iris: package.Bundle) -> None:
    make, kind = LIBRARIES[library]
    answers = iris.predict(make())
    assert isinstance(answers, kind)
    assert [str(value) for value in answers] == ["setosa", "virginica", "versicolor"]
    probabilities = iris.predict_proba(make())
    assert np.asarray(probabilities).shape == (3, 3)
    if kind is pd.Series:
        assert list(answers.index) == list(probabilities.index) == [7, 8, 9]
    if kind is not np.ndarray:
        assert [str(name) for name in getattr(probabilities, "column_names", probabilities.columns)] == [*CLASSES]


def test_python_and_the_command_line_say_the_same(iris: package.Bundle, flowers: Path) -> None:
    told = read(luban("predict", iris.path, flowers).out).drop("row", "prediction").to_numpy()
    assert np.allclose(iris.predict_proba(FLOWERS), told, atol=1e-6)


def test_an_array_of_another_shape_names_the_inputs(iris: package.Bundle) -> None:
    with pytest.raises(DataError, match="4 inputs") as raised:
        iris.predict(np.zeros((3, 5)))
    assert "sepal length" in str(raised.value.fix)


def test_values_have_no_probabilities(fitted: Fitted) -> None:
    with pytest.raises(UsageError, match="no probabilities"):
        package.load(fitted.bundle("diabetes")).predict_proba(pl.read_csv(package.sample("diabetes").path))


def test_a_bad_row_is_named_and_leaves_the_old_answers(iris: package.Bundle, flowers: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    out.write_text("old\n")
    flowers.write_text(flowers.read_text() + "5.0,3.0,wide,0.2\n")
    done = luban("predict", iris.path, flowers, "--out", out)
    assert done.code == 3
    assert f"{flowers}, column 'petal length (cm)', row 3: 'wide' is not a number." in " ".join(done.err.split())
    assert out.read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "flowers.csv"]


def test_rows_without_a_value_are_answered_and_told(
    iris: package.Bundle, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = luban("predict", iris.path, flowers)
    assert full.code == 0 and full.err == ""
    assert "blank" not in luban("predict", iris.path, flowers, "--json").document
    # Of a flower one number is enough to be read.
    flowers.write_text(flowers.read_text() + ",,,\n,,1.4,\n" + ",,,\n" * 11)
    slices = read_by(4, monkeypatch)
    done = luban("predict", iris.path, flowers)
    assert done.code == 0
    numbers = "3, 5, 6, 7, 8, 9, 10, 11, 12, 13, ..."
    assert done.err == f"12 rows are empty in all that is read, and are answered all the same: rows {numbers}\n"
    assert read(done.out).head(3).equals(read(full.out))
    assert len(read(done.out)) == 16 and slices == [4] * 4
    assert luban("predict", iris.path, flowers, "--quiet").err == ""
    out = luban("predict", iris.path, flowers, "--json", "--out", tmp_path / "answers.csv")
    assert out.document["blank"] == {"rows": 12, "first": [3, *range(5, 14)]}


def test_a_missing_column_is_named(iris: package.Bundle, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("sepal length (cm),petal length (cm)\n1,2\n")
    done = luban("predict", iris.path, tmp_path / "few.csv")
    assert done.code == 3
    assert "'sepal width (cm)' and 1 more is missing" in " ".join(done.err.split())


def test_a_place_that_cannot_be_written(iris: package.Bundle, flowers: Path, tmp_path: Path) -> None:
    assert luban("predict", iris.path, flowers, "--out", tmp_path).code == 2
    missing = luban("predict", iris.path, flowers, "--out", tmp_path / "no" / "answers.csv")
    assert missing.code == 2
    assert "mkdir -p" in missing.told


def test_images_in_no_class_are_answered_by_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    for number in range(40):
        label = ("dark", "light")[number % 2]
        place = tmp_path / "photos" / label / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 200 * (number % 2) + number).save(place)
    package.fit("photos", model="linear", out="photos.luban", repair="off", threads=1)
    new = tmp_path / "new"
    new.mkdir()
    for name, shade in (("b.png", 20), ("a.png", 220)):
        Image.new("L", (4, 4), shade).save(new / name)
    (new / "notes.txt").write_text("none of them")
    done = luban("predict", "photos.luban", new)
    assert done.code == 0, done.told
    answered = pl.read_csv(done.out)
    assert answered.columns == ["file", "prediction", "probability_dark", "probability_light"]
    assert answered.rows()[0][:2] == ("a.png", "light") and answered.rows()[1][:2] == ("b.png", "dark")
    assert luban("predict", "photos.luban", "new/*.png").out == luban("predict", "photos.luban", new).out
    alone = luban("predict", "photos.luban", new / "b.png", "--json").document["predictions"]
    assert [(line["file"], line["prediction"]) for line in alone] == [("b.png", "dark")]
    shown = luban("inspect", new, "--json").document
    assert {column["name"]: column["role"] for column in shown["columns"]} == {"path": "input", "file": "id"}
