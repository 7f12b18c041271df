"""A measurement says what it is, how sure it is, and how it compares; groups and weights count."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from luban.batch import Answers, Array
from luban.core import registry
from luban.evidence.measurement import Measurement
from luban.training.measuring import difference, measure


def metric(name: str) -> Any:
    return registry.find("metrics", name)


def classified(rows: int, seed: int = 0, right: float = 0.8) -> tuple[Array, Answers]:
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, rows)
    said = np.where(random.random(rows) < right, 0.8, 0.2)
    probability = np.where(target == 1, said, 1 - said)
    return target, Answers((probability >= 0.5).astype(np.int64), np.stack([1 - probability, probability], axis=1))


def test_a_measurement_is_complete_and_comes_back_from_json() -> None:
    target, answers = classified(100)
    simplest = Answers(np.zeros(100, np.int64), np.full((100, 2), 0.5))
    found = measure(
        metric("accuracy"), target, answers, split="test", baseline=("constant", simplest), how="on test rows"
    )
    assert found.rows == 100 and found.split == "test" and found.direction == "higher"
    assert found.how.startswith("on test rows; Wilson")
    assert found.baseline is not None and found.baseline.model == "constant"
    assert Measurement.from_json(found.to_json()) == found


def test_an_accuracy_of_one_is_not_certain() -> None:
    target, answers = classified(30, right=1.0)
    found = measure(metric("accuracy"), target, answers, split="test")
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.8865, abs=1e-4)


def test_a_perfect_ranking_of_few_rows_is_not_certain() -> None:
    target, answers = classified(30, right=1.0)
    found = measure(metric("roc-auc"), target, answers, split="test")
    assert found.value == found.high == 1.0
    assert 0.6 < found.low < 0.95
    assert "unseen rows" in found.how


def test_a_regression_without_errors_is_not_certain() -> None:
    target = np.random.default_rng(0).normal(size=50)
    found = measure(metric("rmse"), target, Answers(target), split="test")
    assert found.value == found.low == 0.0
    assert 0.1 < found.high < 1.0


def test_rows_that_repeat_one_another_know_no_more() -> None:
    """Each row five times, as groups: about the interval of the single rows, and not that of five times as many."""
    target, answers = classified(60)
    five = np.repeat(np.arange(60), 5)
    for name in ("accuracy", "roc-auc", "log-loss"):
        single = measure(metric(name), target, answers, split="test")
        grouped = measure(metric(name), target[five], answers.take(five), groups=five, split="test")
        naive = measure(metric(name), target[five], answers.take(five), split="test")
        width, honest, boast = (found.high - found.low for found in (single, grouped, naive))
        assert grouped.value == pytest.approx(single.value)
        assert honest == pytest.approx(width, rel=0.15)
        assert boast < 0.6 * width


def test_groups_that_all_agree_count_as_one_row_each() -> None:
    target, answers = classified(60, right=1.0)
    found = measure(metric("accuracy"), target, answers, groups=np.arange(60) // 6, split="test")
    assert found.low < measure(metric("accuracy"), target[:12], answers.take(np.arange(12)), split="test").low


def test_groups_of_one_row_are_rows() -> None:
    target, answers = classified(40)
    one = measure(metric("log-loss"), target, answers, groups=np.arange(40), split="test")
    assert one == measure(metric("log-loss"), target, answers, split="test")


def test_weights_move_the_value_and_widen_the_interval() -> None:
    target, answers = classified(200)
    weight = np.where(np.arange(200) < 20, 20.0, 1.0)
    for name in ("accuracy", "brier"):
        plain = measure(metric(name), target, answers, split="test")
        weighed = measure(metric(name), target, answers, weight=weight, split="test")
        assert weighed.value == metric(name).score(target, answers, weight)
        assert weighed.high - weighed.low > plain.high - plain.low


def test_a_paired_difference_is_surer_than_the_two_figures() -> None:
    """Two models that err on nearly the same rows."""
    target, answers = classified(300)
    probability = answers.probabilities
    assert probability is not None
    slightly = 0.9 * probability + 0.1 * np.eye(2)[target]
    found = difference(metric("log-loss"), target, Answers(answers.prediction, slightly), answers)
    alone = measure(metric("log-loss"), target, answers, split="test")
    assert found.high < 0
    assert found.high - found.low < 0.5 * (alone.high - alone.low)


def test_equal_answers_differ_by_nothing_but_not_surely() -> None:
    target, answers = classified(100)
    for name in ("accuracy", "roc-auc", "log-loss"):
        found = difference(metric(name), target, answers, answers)
        assert found.low < found.value == 0.0 < found.high
        assert found.high - found.low < 0.2


def test_what_is_undefined_is_an_error_that_says_so() -> None:
    answers = classified(10)[1]
    with pytest.raises(ValueError, match="roc-auc is undefined on these rows"):
        measure(metric("roc-auc"), np.ones(10, np.int64), answers, split="test")


def test_a_baseline_for_which_the_metric_is_undefined_is_left_out() -> None:
    target, answers = classified(30)
    nothing = Answers(np.zeros(30), np.full((30, 2), np.nan))
    found = measure(metric("brier"), target, answers, split="test", baseline=("constant", nothing))
    assert found.baseline is None and found.difference is None


def test_one_row_has_an_interval_too() -> None:
    found = measure(metric("mae"), np.array([2.0]), Answers(np.array([1.0])), split="given")
    assert found.low < found.value == 1.0 < found.high


@pytest.mark.slow
def test_large_data_is_measured_in_time() -> None:
    target, answers = classified(50_000)
    random = np.random.default_rng(0)
    outputs = answers.probabilities
    assert outputs is not None
    noisy = np.clip(outputs[:, 1] + 0.1 * random.normal(size=50_000), 0.001, 0.999)
    answers = Answers(answers.prediction, np.stack([1 - noisy, noisy], axis=1))
    started = time.process_time()
    found = measure(metric("roc-auc"), target, answers, split="test", baseline=("constant", answers))
    assert time.process_time() - started < 6.0
    assert found.high - found.low < 0.02
