"""Evaluating, comparing and verifying: figures with intervals, gates, and what cannot be measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import luban as package
from fitted import Fitted
from verbs.program import luban

KEYS = {"metric", "value", "low", "high", "direction", "rows", "split", "how", "baseline", "difference"}


@pytest.fixture(scope="module")
def cancer(fitted: Fitted) -> Path:
    return fitted.bundle("cancer")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    shutil.copy(package.sample("breast-cancer").path, path)
    return path


def test_every_figure_has_an_interval_and_the_baseline_beside_it(cancer: Path, patients: Path) -> None:
    document = luban("evaluate", cancer, patients, "--json").document
    assert (document["rows"], document["dropped"]) == (569, {})
    figures = {line["metric"]: line for line in document["measurements"]}
    assert {"accuracy", "roc-auc", "log-loss", "brier", "f1"} <= set(figures)
    for line in figures.values():
        assert set(line) == KEYS
        assert line["low"] <= line["value"] <= line["high"]
        assert line["low"] < line["high"], "an interval is never of zero width"
        assert (line["split"], line["rows"]) == ("given", 569)
        assert set(line["difference"]) == {"value", "low", "high"}
    assert figures["accuracy"]["baseline"] == {"model": "constant", "value": pytest.approx(357 / 569)}
    assert figures["log-loss"]["direction"] == "lower"


def test_python_gives_the_same_figures(cancer: Path, patients: Path) -> None:
    told = luban("evaluate", cancer, patients, "--json").document["measurements"]
    assert [measurement.to_json() for measurement in package.load(cancer).evaluate(patients)] == told
    assert package.load(cancer).evaluate(pl.read_csv(patients))[0].to_json() == told[0]


def test_rows_without_an_answer_or_of_an_unknown_class_are_counted(cancer: Path, patients: Path) -> None:
    lines = patients.read_text().splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ","
    lines[2] = lines[2].rpartition(",")[0] + ",unsure"
    patients.write_text("\n".join(lines) + "\n")
    document = luban("evaluate", cancer, patients, "--json").document
    assert document["rows"] == 567
    assert sum(document["dropped"].values()) == 2


def test_rows_of_one_class_are_measured_by_what_is_defined_on_them(cancer: Path, patients: Path) -> None:
    pl.read_csv(patients).filter(pl.col("diagnosis") == "benign").write_csv(patients)
    names = {line["metric"] for line in luban("evaluate", cancer, patients, "--json").document["measurements"]}
    assert "accuracy" in names
    assert "roc-auc" not in names


@pytest.mark.parametrize(
    ("gate", "code", "told"),
    [
        ("accuracy>=0.9", 0, ""),
        ("accuracy.low>0.5", 0, ""),
        ("log_loss<1", 0, ""),
        ("no-severe", 0, ""),
        ("accuracy>0.9999", 4, "required accuracy > 0.9999, measured 0.9"),
        ("accuracy.high<=0.9", 4, "required accuracy.high <= 0.9, measured"),
        ("rmse<3", 2, "'rmse' was not measured"),
        ("acuracy>0.9", 2, "Did you mean 'accuracy'?"),
        ("accuracy.middle>0.9", 2, "unknown end"),
        ("accuracy", 2, "is no gate"),
    ],
)
def test_gates(gate: str, code: int, told: str, cancer: Path, patients: Path) -> None:
    done = luban("evaluate", cancer, patients, "--require", gate)
    assert done.code == code
    assert told in " ".join(done.err.split())


def test_every_gate_counts(cancer: Path, patients: Path) -> None:
    assert luban("evaluate", cancer, patients, "--require", "accuracy>0.5", "--require", "brier<0").code == 4


@pytest.mark.slow
def test_rows_of_a_group_are_drawn_together_and_weights_weigh(visits: Path) -> None:
    arguments = ("fit", visits, "--target", "value", "--model", "constant", "--threads", "1", "--out")
    assert luban(*arguments, "grouped.luban", "--weight", "heavy").code == 0
    assert luban(*arguments, "single.luban", "--set", "split.kind=random").code == 0
    grouped, single = (
        luban("evaluate", name, visits, "--json").document["measurements"][0]
        for name in ("grouped.luban", "single.luban")
    )
    assert "20 groups of rows" in grouped["how"]
    assert "80 rows" in single["how"]
    assert grouped["value"] != single["value"]


def test_data_without_the_target_cannot_be_measured(cancer: Path, patients: Path) -> None:
    pl.read_csv(patients).drop("diagnosis").write_csv(patients)
    done = luban("evaluate", cancer, patients)
    assert done.code == 3
    assert "'diagnosis' is missing" in done.told
    assert "luban predict" in done.told


def test_a_bundle_is_as_good_as_itself(cancer: Path, patients: Path) -> None:
    document = luban("compare", cancer, cancer, "--data", patients, "--json").document
    assert document["bundles"] == ["cancer.luban", "cancer.luban"]
    assert {line["better"] for line in document["measurements"]} == {"none"}
    assert "No difference" in document["text"]


def test_a_bundle_that_is_really_better_is_named(cancer: Path, patients: Path, tmp_path: Path) -> None:
    worse = package.fit(patients, "diagnosis", model="constant", out=tmp_path / "worse.luban", threads=1)
    for pair, better in (((cancer, worse.path), "first"), ((worse.path, cancer), "second")):
        document = luban("compare", *pair, "--data", patients, "--json").document
        assert {line["better"] for line in document["measurements"]} <= {better, "none"}
        accuracy = next(line for line in document["measurements"] if line["metric"] == "accuracy")
        assert accuracy["better"] == better
        assert document["text"].startswith("cancer.luban is better, beyond chance")


def test_recorded_figures_are_put_side_by_side_without_data(cancer: Path) -> None:
    document = luban("compare", cancer, cancer, "--json").document
    assert len(document["recorded"]) == 2
    assert "--data" in document["text"]


def test_bundles_of_different_questions_are_not_compared(cancer: Path, fitted: Fitted) -> None:
    done = luban("compare", cancer, fitted.bundle("iris"))
    assert done.code == 2
    assert "different questions" in done.told


def test_evidence_is_measured_again(cancer: Path, patients: Path) -> None:
    document = luban("verify", cancer, patients, "--json").document
    assert document["verified"] and document["same_data"]
    assert all(check["agrees"] for check in document["checks"])
    recorded = {m.metric: m.value for m in package.load(cancer).measurements if m.split == "test"}
    assert {check["metric"]: check["recorded"] for check in document["checks"]} == recorded


def test_other_rows_do_not_verify(cancer: Path, patients: Path) -> None:
    pl.read_csv(patients).with_columns(pl.col("diagnosis").shuffle(seed=0)).write_csv(patients)
    done = luban("verify", cancer, patients, "--json")
    assert done.code == 4
    assert not done.document["verified"] and not done.document["same_data"]
    assert "not the one that the bundle was made of" in done.document["error"]["message"]


def test_a_changed_bundle_does_not_verify(cancer: Path, patients: Path, tmp_path: Path) -> None:
    shutil.copytree(cancer, tmp_path / "copy.luban")
    card = tmp_path / "copy.luban" / "README.md"
    card.write_bytes(card.read_bytes() + b"\n")
    assert luban("verify", tmp_path / "copy.luban", patients).code == 3
