"""What a model looks at over many rows: planted columns, classes, words, what is declined and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban as package
from fitted import Fitted
from luban.core.errors import UsageError
from luban.data.catalogue import sample_path
from luban.reports import explaining
from luban.reports import overall as told
from luban.reports.lines import Style
from luban.verbs import overall
from verbs.program import luban


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[package.Bundle, pl.DataFrame]:
    """Two columns that work together, one alone, one of names, and noise."""
    random = np.random.default_rng(3)
    frame = pl.DataFrame({name: random.normal(size=600) for name in ("one", "two", "alone", "noise")}).with_columns(
        pl.Series("town", random.choice(["Ulm", "Bonn"], 600)),
        pl.Series("day", [f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(600)]),
    )
    y = 4 * pl.col("one") * pl.col("two") + 2 * pl.col("alone") + 3 * (pl.col("town") == "Ulm")
    frame = frame.with_columns(y.alias("y"))
    out = tmp_path_factory.mktemp("overall") / "planted.luban"
    return package.fit(frame, "y", model="gradient-boosting", repair="off", out=out, threads=1), frame


def test_planted_columns_are_found_by_every_part(planted: tuple[package.Bundle, pl.DataFrame]) -> None:
    bundle, frame = planted
    found = bundle.explain_overall(frame)
    assert (found.output, found.scale, found.rows, found.of) == ("y", "value", 500, 600)
    important = [each["column"] for each in found.importance]
    assert set(important[:4]) == {"one", "two", "alone", "town"}
    assert {each.unit for each in found.shap[:4]} == {"one", "two", "alone", "town"}
    assert all(each.low <= each.value <= each.high for each in found.shap)
    followed = {each.column: each for each in found.dependence}
    town = followed["town"]
    at = dict(zip(town.grid, town.mean, strict=True))
    assert at["Ulm"] - at["Bonn"] == pytest.approx(3, abs=1)
    alone = followed["alone"]
    assert np.polyfit(alone.at, alone.mean, 1)[0] == pytest.approx(2, abs=0.6)
    assert found.interactions[0].columns in {("one", "two"), ("two", "one")}
    assert found.interactions[0].low > found.interactions[1].value
    assert found.surrogate is not None
    assert found.surrogate.metric == "r2"
    assert found.surrogate.simplest < found.surrogate.fidelity <= 1
    assert not found.declined


def test_it_is_the_same_after_loading_and_for_the_same_seed(planted: tuple[package.Bundle, pl.DataFrame]) -> None:
    bundle, frame = planted
    assert bundle.path is not None
    first = bundle.explain_overall(frame, rows="0-79").to_json()
    assert first == package.load(bundle.path).explain_overall(frame, rows="0-79").to_json()
    other = bundle.explain_overall(frame, rows="0-79", seed=1).to_json()
    assert first["importance"] != other["importance"]


def test_a_day_is_followed_in_its_order_and_a_column_of_one_value_is_told(
    planted: tuple[package.Bundle, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, frame = planted
    monkeypatch.setattr(overall, "DRAWN", 10)
    found = bundle.explain_overall(frame.with_columns(noise=pl.lit(7.0)), rows="0-59")
    [day] = [each for each in found.dependence if each.column == "day"]
    assert list(day.grid) == sorted(day.grid)
    assert (day.kind, sum(day.share)) == ("number", pytest.approx(1))
    reasons = dict(found.declined)
    assert "all have the value 7" in reasons["dependence on 'noise'"]


def test_a_class_is_followed_that_is_asked_for_or_the_positive_one(fitted: Fitted) -> None:
    iris, cancer = package.load(fitted.bundle("iris")), package.load(fitted.bundle("cancer"))
    asked = iris.explain_overall("sample:iris", output="setosa")
    assert asked.output == "setosa"
    petal = {each.column: each for each in asked.dependence}["petal width (cm)"]
    assert petal.mean[0] > petal.mean[-1]
    assert asked.surrogate is not None
    assert asked.surrogate.fidelity > asked.surrogate.simplest
    positive = cancer.stored.evidence["evaluation"]["positive"]
    found = cancer.explain_overall("sample:breast-cancer", rows="0-99", log_odds=True)
    assert (found.output, found.scale) == (positive, "log-odds")
    with pytest.raises(UsageError, match="rosa"):
        iris.explain_overall("sample:iris", output="rosa")


def test_words_count_in_the_rows_that_have_them(fitted: Fitted) -> None:
    found = package.load(fitted.bundle("patients")).explain_overall(fitted.patients)
    units = [each.unit for each in found.shap]
    assert units[0] in ("notes: little", "notes: much")
    assert "age" in units
    assert all(each.rows >= 3 for each in found.shap if each.unit.startswith("notes: "))
    assert "notes" not in {each.column for each in found.dependence}
    few = package.load(fitted.bundle("patients")).explain_overall(fitted.patients, units=2)
    assert "of several words" in dict(few.declined)["shap of phrases"]


def test_without_the_target_no_score_falls_and_all_else_is_told(fitted: Fitted) -> None:
    frame = pl.read_csv(sample_path("iris")).drop("species")
    found = package.load(fitted.bundle("iris")).explain_overall(frame)
    assert not found.importance
    assert "no column 'species'" in dict(found.declined)["importance"]
    assert found.shap
    assert found.dependence


def test_too_few_calls_and_rows_that_are_not_there_are_refused(fitted: Fitted) -> None:
    bundle = str(fitted.bundle("iris"))
    few = luban("explain", bundle, "sample:iris", "--global", "--calls", "19")
    assert few.code == 2
    assert "4 columns takes 20 answers" in few.err
    assert "--calls 20 would do" in few.err
    assert luban("explain", bundle, "sample:iris", "--global", "--calls", "20").code == 0
    beyond = luban("explain", bundle, "sample:iris", "--global", "--rows", "0-500")
    assert beyond.code == 2
    assert "there is no row 500" in beyond.err


def test_models_without_a_target_are_told_too(tmp_path: Path) -> None:
    frame = pl.read_csv(sample_path("iris")).drop("species")
    bundle = package.fit(frame, task="anomaly", out=tmp_path / "odd.luban", threads=1)
    found = bundle.explain_overall(frame)
    assert found.scale == "score"
    assert "no target" in dict(found.declined)["importance"]
    assert found.shap
    assert found.surrogate is not None


def test_it_is_told_in_lines_and_pictures(planted: tuple[package.Bundle, pl.DataFrame]) -> None:
    bundle, frame = planted
    document = json.loads(json.dumps(bundle.explain_overall(frame, rows="0-99").to_json()))
    shown = "\n".join(told.lines(document, Style()))
    for part in ("importance", "shap", "dependence", "interactions", "surrogate", "one × two", "town"):
        assert part in shown
    parts = {part.heading: part for part in told.parts(document)}
    assert list(parts) == ["What matters", "What moves answers", "How answers follow columns", "Pairs of columns"]
    assert all(part.picture.startswith("<svg") and "<desc" in part.picture for part in parts.values())
    assert all(len(row) == len(part.headings) for part in parts.values() for row in part.rows)
    followed = parts["How answers follow columns"].picture
    assert 'class="area"' in followed
    assert "Ulm" in followed


def test_a_page_holds_every_part_and_hostile_names_stay_text(
    planted: tuple[package.Bundle, pl.DataFrame], tmp_path: Path
) -> None:
    bundle, frame = planted
    found = bundle.explain_overall(frame, rows="0-99", html=tmp_path / "all.html")
    assert found.html == str(tmp_path / "all.html")
    page = (tmp_path / "all.html").read_text()
    for heading in ("What matters", "What moves answers", "How answers follow columns", "A small tree"):
        assert heading in page
    assert "No row was explained" not in page
    document = json.loads(json.dumps(found.to_json()).replace("town", "<script>"))
    assert "<script>" not in explaining.page(document, name="it")
