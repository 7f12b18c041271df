"""`luban fit` repairs the training of a network, says so, and fitting its recipe again gives the same bundle."""

import json

import pytest

import luban

RATE = {"train.learning_rate": 3.0, "train.epochs": 40, "split.folds": 2}


def fit(tmp_path, **options):
    made = {"model": "mlp", "set": RATE, "out": tmp_path / "made.luban", "seed": 0, **options}
    return luban.fit("sample:digits", "digit", **made)


def evidence(bundle, name):
    return json.loads((bundle.path / "evidence" / f"{name}.json").read_text())[name]


@pytest.mark.slow
def test_a_rate_that_is_too_high_is_repaired_and_the_recipe_repeats_it(tmp_path):
    bundle = fit(tmp_path)
    (repair,) = [each for each in evidence(bundle, "repairs") if each["accepted"]]
    assert repair["condition"] == "learning-rate-too-high" and repair["model"] == "mlp"
    assert repair["effect"]["low"] > 0
    assert evidence(bundle, "findings")[0]["condition"] == "learning-rate-too-high"
    accuracy = next(each for each in bundle.measurements if each.metric == "accuracy" and each.split == "test")
    assert accuracy.value > 0.9
    (network,) = bundle.recipe.model.candidates
    assert 0 < network.train["learning_rate"] < 0.1
    report = (bundle.path / "report.html").read_text()
    assert "Loss before and after" in report
    again = luban.fit("sample:digits", "digit", recipe=bundle.path / "recipe.yaml", out=tmp_path / "again.luban")
    assert again.content_sha256 == bundle.content_sha256


@pytest.mark.slow
def test_without_repair_it_is_only_told(tmp_path):
    bundle = fit(tmp_path, repair="off")
    assert not evidence(bundle, "repairs")
    assert "learning-rate-too-high" in [each["condition"] for each in evidence(bundle, "findings")]
    accuracy = next(each for each in bundle.measurements if each.metric == "accuracy" and each.split == "test")
    assert accuracy.value < 0.5
