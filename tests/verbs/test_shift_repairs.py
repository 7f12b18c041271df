"""From the alarm to the repair: rows that are weighed toward newer ones, and bundles corrected to other shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban as package
from fitted import Fitted
from luban.batch import dense
from luban.core.errors import UsageError
from luban.data.open import open_dataset
from luban.recipe.edit import changed
from luban.verbs.bundle import load
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given
from verbs.program import luban
from verbs.test_against import cancer as cancer
from verbs.test_against import drawn, mixed

SHARES = {"benign": 0.2, "malignant": 0.8}


def parted(frame: pl.DataFrame, column: str, seed: int) -> pl.DataFrame:
    """Rows of which one column came from other rows, as in a join that went wrong."""
    return frame.with_columns(pl.Series(column, np.random.default_rng(seed).permutation(frame[column].to_numpy())))


def test_a_column_of_other_rows_is_found_though_no_column_changed(fitted: Fitted, cancer: pl.DataFrame) -> None:
    newer = parted(cancer, "mean radius", 1)
    (found,) = package.diagnose(fitted.bundle("cancer"), against=newer.drop("diagnosis")).findings
    assert (found.condition, found.severity, found.where.column) == ("covariate-shift", "severe", "mean radius")
    assert "No single column shows it" in found.text
    assert found.edits == (), "without the older rows there is nothing to weigh"


def test_beside_the_older_rows_a_classifier_tells_the_newer_apart(fitted: Fitted, cancer: pl.DataFrame) -> None:
    newer = parted(cancer, "mean radius", 1).drop("diagnosis")
    (found,) = package.diagnose(fitted.bundle("cancer"), against=newer, data=cancer).findings
    assert found.evidence.signal.startswith("held-out area under the ROC curve")
    assert found.evidence.value > 0.65
    (edit,) = found.edits
    assert (edit.path, edit.after) == ("weight", "weight_toward_newer")


def test_weighed_rows_lie_as_the_newer_ones_and_are_fitted_by_the_edit(
    fitted: Fitted, cancer: pl.DataFrame, tmp_path: Path
) -> None:
    bundle, place = fitted.bundle("cancer"), tmp_path / "weighed.csv"
    odds = 2.5 * (cancer["worst texture"] - cancer["worst texture"].mean()) / cancer["worst texture"].std()
    share = 1 / (1 + np.exp(-odds.to_numpy()))
    newer = cancer.filter(pl.Series(np.random.default_rng(2).random(len(cancer)) < share))
    result = package.diagnose(bundle, against=newer, data=cancer, weighed=place)
    assert "covariate-shift" in {each.condition for each in result.findings}
    weighed = pl.read_csv(place)
    assert weighed.drop("weight_toward_newer").equals(cancer)
    told = result.about["weighed"]
    weight = weighed["weight_toward_newer"].to_numpy()
    assert told["worth"] == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), rel=1e-3)
    before, after = (np.average(cancer["worst texture"], weights=each) for each in (np.ones(len(weight)), weight))
    assert abs(after - newer["worst texture"].mean()) < abs(before - newer["worst texture"].mean()) / 2  # type: ignore[operator]


def test_a_corrected_bundle_names_its_parent_and_answers_by_the_new_shares(
    fitted: Fitted, cancer: pl.DataFrame, tmp_path: Path
) -> None:
    bundle, newer = load(fitted.bundle("cancer")), mixed(cancer, 0.8, 2)
    result = package.diagnose(bundle, against=newer.drop("diagnosis"), corrected=tmp_path / "c.luban")
    (repair,) = result.about["repairs"]
    assert repair["accepted"]
    assert "not proven" in repair["reason"]
    made = load(tmp_path / "c.luban")
    assert made.stored.parent == bundle.content_sha256
    assert made.measurements == []
    shares = made.recipe.train.prior
    assert shares["malignant"] == pytest.approx(0.8, abs=0.06)
    before, after = (each.predict_proba(newer)["malignant"].to_numpy() for each in (bundle, made))
    factors = [shares[name] / share for name, share in (("malignant", 212 / 569), ("benign", 357 / 569))]
    expected = before * factors[0] / (before * factors[0] + (1 - before) * factors[1])
    assert after == pytest.approx(expected, abs=0.02)
    again = package.diagnose(made, against=newer)
    assert "label-shift" not in {each.condition for each in again.findings}


def test_where_classes_are_known_a_correction_is_kept_only_when_it_helps(
    fitted: Fitted, cancer: pl.DataFrame, tmp_path: Path
) -> None:
    newer = mixed(cancer, 0.9, 2)
    against, place = _written(newer, tmp_path), tmp_path / "c.luban"
    done = luban("diagnose", fitted.bundle("cancer"), "--against", against, "--corrected", place, "--json")
    (repair,) = done.document["repairs"]
    assert repair["accepted"] == (repair["effect"]["low"] > 0) == place.exists()
    if repair["accepted"]:
        measured = load(place).measurements
        assert {each.split for each in measured} == {"given"}
        assert all(each.baseline is not None and each.baseline.model == "as it was" for each in measured)


def _written(frame: pl.DataFrame, folder: Path) -> Path:
    frame.write_csv(folder / "newer.csv")
    return folder / "newer.csv"


def test_a_prior_weighs_rows_to_the_shares_and_leaves_given_test_rows(fitted: Fitted, cancer: pl.DataFrame) -> None:
    recipe = changed(load(fitted.bundle("cancer")).recipe, {"train.prior": SHARES})
    ready = prepare(open_dataset(cancer), Given(), recipe)
    assert ready.weight is not None
    codes, rows = dense(ready.target), ready.division.train  # type: ignore[arg-type]
    assert np.average(codes[rows], weights=ready.weight[rows]) == pytest.approx(SHARES[ready.classes[1]])
    given = prepare(open_dataset(cancer), Given(test=open_dataset(drawn(cancer, 1))), recipe)
    assert given.weight is not None
    assert (given.weight[given.division.test] == 1).all()


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ({"benign": 0.5}, "nothing of the class 'malignant'"),
        ({"benign": 0.5, "malignat": 0.5}, "there is no class 'malignat'"),
        ({"benign": 0.0, "malignant": 1.0}, "must be above 0"),
    ],
)
def test_a_prior_that_is_none_is_told(prior: dict[str, float], told: str, fitted: Fitted, cancer: pl.DataFrame) -> None:
    recipe = changed(load(fitted.bundle("cancer")).recipe, {"train.prior": prior})
    with pytest.raises(UsageError, match=told):
        prepare(open_dataset(cancer), Given(), recipe)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--data", "sample:iris"), "--against"),
        (("--against", "sample:breast-cancer", "--weighed", "w.csv"), "--data"),
        (
            ("--against", "sample:breast-cancer", "--data", "sample:breast-cancer", "--weighed", "w.txt"),
            "CSV or Parquet",
        ),
        (("--corrected", "c.luban"), "--against"),
    ],
)
def test_an_option_that_needs_another_says_so(options: tuple[str, ...], told: str, fitted: Fitted) -> None:
    done = luban("diagnose", fitted.bundle("cancer"), *options)
    assert done.code == 2
    assert told in done.told


def test_values_are_not_corrected(fitted: Fitted, tmp_path: Path) -> None:
    done = luban("diagnose", fitted.bundle("diabetes"), "--against", "sample:diabetes", "--corrected", tmp_path / "c")
    assert done.code == 2
    assert "exclude each other" in done.told
