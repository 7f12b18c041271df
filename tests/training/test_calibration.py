"""Probabilities are corrected where that helps, and only there; the form answers as the calibration does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from luban.batch import Answers, Array
from luban.core import registry
from luban.training.calibration import calibrate

ROWS = 1_500


def honest(seed: int = 0, classes: int = 2, rows: int = ROWS) -> tuple[Array, Array, Array]:
    """Probabilities, targets that follow them, folds."""
    random = np.random.default_rng(seed)
    outputs = random.dirichlet(np.ones(classes), rows)
    target = (random.random(rows)[:, None] > outputs.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return outputs, target, np.arange(rows) % 5


def boastful(outputs: Array, power: float = 3.0) -> Array:
    """As a model with a temperature of 1 / power says it."""
    sharp = outputs**power
    return sharp / sharp.sum(axis=1, keepdims=True)


def log_loss(outputs: Array, target: Array) -> float:
    return float(registry.find("metrics", "log-loss").score(target, Answers(target, outputs)))


@pytest.mark.parametrize("classes", [2, 4])
def test_boasts_are_cooled_by_their_own_temperature(classes: int) -> None:
    outputs, target, folds = honest(classes=classes)
    found = calibrate(boastful(outputs), target, folds, "auto")
    assert found.method == "temperature"
    assert found.parameters["temperature"] == pytest.approx(3.0, rel=0.15)
    assert found.after < found.before
    assert log_loss(found.apply(boastful(outputs)), target) == pytest.approx(log_loss(outputs, target), abs=0.01)


def test_honest_probabilities_are_left_alone() -> None:
    """At a level of 95% some are touched by chance."""
    methods = [calibrate(*honest(seed, rows=300), "auto", seed=seed).method for seed in range(20)]
    assert methods.count("none") >= 18


def test_a_bend_that_no_temperature_straightens_is_straightened_by_steps() -> None:
    outputs, target, folds = honest(rows=4_000)
    bent = np.stack([1 - outputs[:, 1] ** 4, outputs[:, 1] ** 4], axis=1)
    found = calibrate(bent, target, folds, "auto")
    assert found.method == "isotonic"
    assert log_loss(found.apply(bent), target) == pytest.approx(log_loss(outputs, target), abs=0.02)


def test_few_rows_are_not_given_steps() -> None:
    outputs, target, folds = honest(rows=200)
    found = calibrate(boastful(outputs), target, folds, "auto")
    assert found.method == "temperature"
    assert "too few for isotonic" in found.reason


@pytest.mark.parametrize("method", ["none", "temperature", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_form_answers_as_the_calibration_does(method: str, classes: int) -> None:
    outputs, target, folds = honest(classes=classes, rows=300)
    found = calibrate(boastful(outputs), target, folds, method)
    assert found.method == method and found.reason == "as asked"
    answer = boastful(outputs)[7]
    inner = registry.find("forms", "constant")(answer, width=1)
    form = found.around(inner)
    assert form.outputs(np.zeros((2, 1), np.float32)) == pytest.approx(found.apply(answer[None, :]).repeat(2, axis=0))
    rebuilt = type(form).rebuild(form.state())
    assert np.array_equal(rebuilt.outputs(np.zeros((1, 1), np.float32)), form.outputs(np.zeros((1, 1), np.float32)))


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_corrected_rows_sum_to_one_and_nothing_is_certain(method: str) -> None:
    outputs, target, folds = honest(classes=3, rows=400)
    corrected = calibrate(outputs, target, folds, method).apply(np.vstack([outputs, np.eye(3)]))
    assert corrected.sum(axis=1) == pytest.approx(np.ones(403))
    if method == "isotonic":
        assert corrected.max() < 1.0


def test_weights_decide_what_is_right() -> None:
    """Half of the rows are boasts; with all the weight on the others nothing is to be corrected."""
    outputs, target, folds = honest()
    mixed = np.where(np.arange(ROWS)[:, None] % 2 == 0, boastful(outputs), outputs)
    light = np.where(np.arange(ROWS) % 2 == 0, 1e-9, 1.0)
    weighed = calibrate(mixed, target, folds, "temperature", light)
    assert weighed.parameters["temperature"] == pytest.approx(1.0, abs=0.12)
    assert calibrate(mixed, target, folds, "temperature").parameters["temperature"] > 1.3


def test_one_fold_is_cut_into_parts() -> None:
    outputs, target, _ = honest()
    found = calibrate(boastful(outputs), target, np.zeros(ROWS, np.int64), "auto")
    assert found.method == "temperature" and found.after < found.before


def test_the_evidence_is_plain_json() -> None:
    outputs, target, folds = honest()
    for method in ("none", "temperature", "isotonic"):
        document = calibrate(boastful(outputs), target, folds, method).to_json()
        assert json.loads(json.dumps(document, allow_nan=False)) == document
        assert document["method"] == method and document["metric"] == "log-loss"
