"""Intervals and sets hold the truth in 90% of new rows, whatever the model; records of strangers are checked."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from luban.batch import Array
from luban.core.errors import BundleError
from luban.training import conformal
from luban.training.conformal import Conformal


def values(random: np.random.Generator, rows: int) -> tuple[Array, Array]:
    """Predictions with skewed errors."""
    target = random.normal(size=rows)
    return (target + random.exponential(size=rows) - 0.5)[:, None], target


def classes(random: np.random.Generator, rows: int) -> tuple[Array, Array]:
    """Overconfident probabilities of three classes, one of them rare."""
    target = random.choice(3, rows, p=[0.6, 0.3, 0.1])
    raw = 3 * random.normal(size=(rows, 3)) + 4 * np.eye(3)[target]
    outputs = np.exp(raw - raw.max(axis=1, keepdims=True))
    return outputs / outputs.sum(axis=1, keepdims=True), target


def fitted(task: str, outputs: Array, target: Array) -> Conformal:
    found = conformal.fit(task, outputs, target, np.arange(len(target)) % 5)
    assert found is not None
    return found


@pytest.mark.parametrize(("task", "draw"), [("regression", values), ("multiclass", classes)])
@pytest.mark.parametrize("rows", [40, 400])
def test_new_rows_are_covered_as_promised(task: str, draw: Any, rows: int) -> None:
    shares = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        found = fitted(task, *draw(random, rows))
        shares.append(found.covered(*draw(random, 1_000)).mean())
    # At least 90%; for values not much more. Sets of few rows hold more: their classes are covered one by one.
    assert np.mean(shares) > 0.89
    if task == "regression" or rows == 400:
        assert np.mean(shares) < 0.94


def test_rare_classes_are_covered_as_often() -> None:
    random = np.random.default_rng(1)
    found = fitted("multiclass", *classes(random, 3_000))
    outputs, target = classes(random, 20_000)
    covered = found.covered(outputs, target)
    for code in range(3):
        assert covered[target == code].mean() == pytest.approx(0.9, abs=0.04)


def test_no_set_is_empty() -> None:
    found = Conformal("set", 100, 5, thresholds=(0.9, 0.9, 0.9))
    assert found.sets(np.full((2, 3), 1 / 3)).sum(axis=1).tolist() == [1, 1]


def test_intervals_lie_around_the_prediction() -> None:
    found = Conformal("interval", 100, 5, quantile=2.0)
    low, high = found.intervals(np.array([0.0, 10.0]))
    assert low.tolist() == [-2.0, 8.0] and high.tolist() == [2.0, 12.0]


def test_coverage_is_a_measurement() -> None:
    random = np.random.default_rng(2)
    found = fitted("regression", *values(random, 500))
    measured = found.coverage(*values(random, 500))
    assert measured.metric == "conformal-coverage" and measured.rows == 500
    assert measured.low < 0.9 < measured.high
    assert "wide" in measured.how
    sets = fitted("multiclass", *classes(random, 500))
    assert "classes on average" in sets.coverage(*classes(random, 500)).how


def test_a_class_that_is_not_known_is_not_covered() -> None:
    found = Conformal("set", 100, 5, thresholds=(0.0, 0.0))
    assert found.covered(np.array([[0.5, 0.5]] * 2), np.array([-1, 1])).tolist() == [False, True]


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_fewer_than_nine_rows_promise_nothing(task: str) -> None:
    outputs = np.full((8, 1 if task == "regression" else 2), 0.5)
    target = np.zeros(8) if task == "regression" else np.zeros(8, np.int64)
    assert conformal.fit(task, outputs, target, np.zeros(8, np.int64)) is None


def test_it_comes_back_from_json() -> None:
    random = np.random.default_rng(3)
    for task, draw in (("regression", values), ("multiclass", classes)):
        found = fitted(task, *draw(random, 100))
        assert Conformal.from_json(json.loads(json.dumps(found.to_json()))) == found


GOOD = {"kind": "interval", "level": 0.9, "rows": 10, "folds": 5, "quantile": 1.0}
SETS = {"kind": "set", "level": 0.9, "rows": 10, "folds": 5, "thresholds": [0.5, 0.5]}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {**GOOD, "kind": "other"},
        {**GOOD, "level": 1.5},
        {**GOOD, "level": True},
        {**GOOD, "rows": -1},
        {**GOOD, "rows": "10"},
        {**GOOD, "quantile": float("inf")},
        {**GOOD, "quantile": -1},
        {**GOOD, "quantile": None},
        {**GOOD, "more": 1},
        {**SETS, "thresholds": [0.5]},
        {**SETS, "thresholds": [0.5, 2.0]},
        {**SETS, "thresholds": [0.5, "0.5"]},
        {**SETS, "thresholds": 0.5},
        {**SETS, "quantile": 1.0},
    ],
)
def test_a_record_that_luban_never_writes_is_refused(document: Any) -> None:
    with pytest.raises(BundleError, match="conformal"):
        Conformal.from_json(document)
