"""`luban diagnose B --against DATA`: shifts of three kinds are found and told apart, and no shift is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban as package
from fitted import Fitted
from luban.verbs.bundle import load
from verbs.program import luban

GOLDEN = Path(__file__).parents[1] / "bundle" / "golden"
SHIFTS = ("covariate-shift", "label-shift", "concept-shift")


@pytest.fixture(scope="module")
def cancer() -> pl.DataFrame:
    return pl.read_csv(package.sample("breast-cancer").path)


@pytest.fixture(scope="module")
def diabetes() -> pl.DataFrame:
    return pl.read_csv(package.sample("diabetes").path)


def drawn(frame: pl.DataFrame, seed: int, rows: int = 250) -> pl.DataFrame:
    return frame.sample(rows, seed=seed, with_replacement=True)


def seen(bundle: Path, newer: pl.DataFrame) -> list[str]:
    return [finding.condition for finding in package.diagnose(bundle, against=newer).findings]


def mixed(frame: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """Rows of which this share is malignant."""
    malignant = int(250 * share)
    parts = (("malignant", malignant), ("benign", 250 - malignant))
    return pl.concat([drawn(frame.filter(pl.col("diagnosis") == name), seed, rows) for name, rows in parts])


def turned(frame: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """Rows of which this share has got the other class."""
    here = pl.Series(np.random.default_rng(seed).random(len(frame)) < share)
    other = pl.when(pl.col("diagnosis") == "benign").then(pl.lit("malignant")).otherwise(pl.lit("benign"))
    return frame.with_columns(diagnosis=pl.when(here).then(other).otherwise(pl.col("diagnosis")))


def moved(frame: pl.DataFrame, column: str, by: float) -> pl.DataFrame:
    """Rows that moved by so many standard deviations in one column."""
    spread = float(np.std(frame[column].to_numpy()))
    return frame.with_columns((pl.col(column) + by * spread).alias(column))


def test_rows_as_before_raise_no_alarm(fitted: Fitted, cancer: pl.DataFrame, diabetes: pl.DataFrame) -> None:
    # At most 5% of 60 draws may.
    alarms = 0
    for seed in range(30):
        alarms += bool(seen(fitted.bundle("cancer"), drawn(cancer, seed)))
        alarms += bool(seen(fitted.bundle("diabetes"), drawn(diabetes, seed)))
    assert alarms <= 3


@pytest.mark.parametrize("by", [0.5, 0.75, 1.0, 2.0])
def test_inputs_that_moved_are_found_and_named(by: float, fitted: Fitted, cancer: pl.DataFrame) -> None:
    found = package.diagnose(fitted.bundle("cancer"), against=moved(drawn(cancer, 1), "mean texture", by)).findings
    assert {each.condition for each in found} == {"covariate-shift"}
    assert "mean texture" in {each.where.column for each in found}
    assert all(each.evidence.value > each.evidence.threshold for each in found)


@pytest.mark.parametrize("share", [0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("known", [True, False])
def test_other_shares_of_the_classes_are_found_and_explain_the_inputs(
    share: float, known: bool, fitted: Fitted, cancer: pl.DataFrame
) -> None:
    newer = mixed(cancer, share, 2) if known else mixed(cancer, share, 2).drop("diagnosis")
    (found,) = package.diagnose(fitted.bundle("cancer"), against=newer).findings
    assert (found.condition, found.explains) == ("label-shift", ("covariate-shift",))
    assert f"'malignant' 37% to {share:.0%}" in found.text or not known
    (edit,) = found.edits
    assert edit.path == "train.prior"
    assert edit.after["malignant"] == pytest.approx(share, abs=0.06)
    assert sum(edit.after.values()) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.15, 0.2, 0.3, 0.5])
def test_another_meaning_of_the_same_inputs_is_found(share: float, fitted: Fitted, cancer: pl.DataFrame) -> None:
    found = package.diagnose(fitted.bundle("cancer"), against=turned(drawn(cancer, 3), share, 3)).findings
    assert [each.condition for each in found] == ["concept-shift"]
    assert found[0].evidence.value == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("by", [60.0, 80.0, 120.0, 160.0])
def test_another_meaning_is_found_in_values(by: float, fitted: Fitted, diabetes: pl.DataFrame) -> None:
    sick = (pl.col("bmi") > pl.col("bmi").median()).cast(pl.Int8) * 2 - 1
    newer = drawn(diabetes, 4).with_columns(progression=pl.col("progression") + by * sick)
    assert "concept-shift" in seen(fitted.bundle("diabetes"), newer)


def test_errors_that_moved_inputs_explain_are_not_a_new_meaning(fitted: Fitted, cancer: pl.DataFrame) -> None:
    far = moved(moved(drawn(cancer, 5), "worst texture", 2), "worst concave points", 2)
    result = package.diagnose(fitted.bundle("cancer"), against=far)
    assert "covariate-shift" in {each.condition for each in result.findings}
    assert "concept-shift" not in {each.condition for each in result.findings}


def test_a_shift_is_severe_where_the_gate_asks(fitted: Fitted, cancer: pl.DataFrame, tmp_path: Path) -> None:
    newer = tmp_path / "newer rows.csv"
    turned(drawn(cancer, 6), 0.4, 6).write_csv(newer)
    bundle = fitted.bundle("cancer")
    done = luban("diagnose", bundle, "--against", newer, "--json")
    assert done.code == 0
    document = done.document
    assert (document["against"], document["rows"], document["task"]) == (str(newer), 250, "binary")
    assert document["findings"][0]["text"].endswith(f"luban fit '{newer}' --recipe {bundle}.")
    missed = luban("diagnose", bundle, "--against", newer, "--require", "no-severe", "--json")
    assert (missed.code, missed.document["findings"]) == (4, document["findings"])
    told = luban("diagnose", bundle, "--against", newer).out.decode()
    assert "250 newer rows" in told and "severe: concept-shift" in told and "not looked for" in told


def test_a_column_that_is_missing_is_named(fitted: Fitted, cancer: pl.DataFrame, tmp_path: Path) -> None:
    cancer.drop("mean texture").write_csv(tmp_path / "newer.csv")
    done = luban("diagnose", fitted.bundle("cancer"), "--against", tmp_path / "newer.csv")
    assert done.code == 3
    assert "mean texture" in done.told


def test_of_few_rows_nothing_is_said(fitted: Fitted, cancer: pl.DataFrame) -> None:
    result = package.diagnose(fitted.bundle("cancer"), against=cancer.head(29))
    assert result.findings == ()
    reasons = dict(reversed(result.not_run))
    assert {reasons[name] for name in SHIFTS} == {"29 newer rows are too few to compare; 30 are needed."}


def test_data_is_not_compared_with_data(visits: Path) -> None:
    refused = luban("diagnose", visits, "--target", "stage", "--against", "sample:iris")
    assert refused.code == 2
    assert "--against" in refused.told and "luban fit" in refused.told


def test_a_bundle_of_before_says_what_it_does_not_hold() -> None:
    rows = pl.read_csv(GOLDEN / "format-1.csv", infer_schema=False)
    newer = pl.concat([rows] * 30)
    result = package.diagnose(GOLDEN / "format-1.luban", against=newer)
    reasons = dict(result.not_run)
    assert "an earlier luban made it" in reasons["covariate-shift"]
    assert "--recipe BUNDLE" in reasons["covariate-shift"]


def damaged(place: Path, change: Any) -> package.Bundle:
    """The bundle, whose reference was changed."""
    from dataclasses import replace

    bundle = load(place)
    evidence = json.loads(json.dumps(bundle.stored.evidence))
    change(evidence["reference"])
    return replace(bundle, stored=replace(bundle.stored, evidence=evidence))


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.update(columns=7),
        lambda kept: kept["columns"][0].update(name="elsewhere"),
        lambda kept: kept["columns"][0]["counts"].pop(),
        lambda kept: kept["columns"][0]["bounds"].reverse(),
        lambda kept: kept["columns"][0]["counts"][0].append(1),
        lambda kept: kept["target"].update(bounds=["a", "b"]),
        lambda kept: kept["target"]["counts"][0].__setitem__(0, -1),
        lambda kept: kept.pop("rows"),
        lambda kept: kept["pairs"]["products"][0].pop(),
        lambda kept: kept["pairs"]["columns"].__setitem__(0, "elsewhere"),
        lambda kept: kept["confusion"].pop(),
        lambda kept: kept.update(confusion=[[1]]),
    ],
)
def test_a_reference_that_luban_would_not_write_is_refused(change: Any, fitted: Fitted, cancer: pl.DataFrame) -> None:
    with pytest.raises(package.LubanError, match=r"evidence/reference\.json"):
        package.diagnose(damaged(fitted.bundle("cancer"), change), against=cancer)


def test_a_bundle_keeps_no_row(fitted: Fitted, cancer: pl.DataFrame) -> None:
    kept = json.loads((fitted.bundle("cancer") / "evidence" / "reference.json").read_text())
    texture = next(each for each in kept["columns"] if each["name"] == "mean texture")
    assert len(texture["bounds"]) == 19
    assert sum(map(sum, texture["counts"])) == kept["rows"] == 455
    assert max(texture["bounds"]) < cancer["mean texture"].max()


def test_every_kind_of_column_is_compared_or_said_not_to_be(fitted: Fitted) -> None:
    people = pl.read_csv(fitted.patients)
    newer = pl.concat([people] * 3)
    bundle = fitted.bundle("patients")
    assert seen(bundle, newer) == []
    elsewhere = newer.with_columns(town=pl.lit("Rome"), notes=pl.col("notes") + " and so on and so on and so on")
    result = package.diagnose(bundle, against=elsewhere)
    columns = {each.where.column: each for each in result.findings}
    assert {"town", "notes"} <= set(columns)
    assert "'Ulm'" in columns["town"].text or "other values" in columns["town"].text
    assert "characters" in columns["notes"].text
    assert ("covariate-shift", "column 'seen': newer rows have later times, as they should") in result.not_run


def test_a_task_whose_rows_are_made_is_not_compared(fitted: Fitted, tmp_path: Path) -> None:
    place = tmp_path / "b.luban"
    shutil.copytree(fitted.bundle("cancer"), place)
    from dataclasses import replace

    bundle = load(place)
    forecasting = replace(bundle, stored=replace(bundle.stored, facts={**bundle.stored.facts, "task": "forecasting"}))
    result = package.diagnose(forecasting, against=pl.DataFrame({"x": [1.0]}))
    assert {condition for condition, _ in result.not_run} == set(SHIFTS)


def test_the_same_rows_give_the_same_findings(fitted: Fitted, cancer: pl.DataFrame) -> None:
    newer = turned(mixed(cancer, 0.7, 8), 0.3, 8)
    first, again = (package.diagnose(fitted.bundle("cancer"), against=newer).to_json() for _ in range(2))
    assert first["findings"]
    assert first == again


def test_a_new_meaning_that_changed_the_shares_accounts_for_them(fitted: Fitted, cancer: pl.DataFrame) -> None:
    # A quarter of the benign rows are called malignant: the inputs are as before, and more rows are malignant.
    newer = drawn(cancer, 9)
    here = pl.Series(np.random.default_rng(9).random(len(newer)) < 0.25)
    newer = newer.with_columns(diagnosis=pl.when(here).then(pl.lit("malignant")).otherwise(pl.col("diagnosis")))
    (found,) = package.diagnose(fitted.bundle("cancer"), against=newer).findings
    assert found.condition == "concept-shift"
    assert "label-shift" in found.explains
