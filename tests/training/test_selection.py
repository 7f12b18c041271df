"""Models answer together where that is shown to be better, and alone otherwise."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from luban.batch import Array
from luban.core import registry
from luban.training.selection import select


def find(family: str, name: str) -> Any:
    return registry.find(family, name)


def noisy(rows: int, noises: list[float], seed: int = 0) -> tuple[list[Array], Array]:
    """Regression models: the truth with independent errors."""
    random = np.random.default_rng(seed)
    target = random.normal(size=rows)
    return [(target + noise * random.normal(size=rows))[:, None] for noise in noises], target


def regression(outputs: list[Array], target: Array, name: str = "rmse", **options: Any) -> Any:
    return select(outputs, target, find("metrics", name), find("tasks", "regression"), **options)


def test_equally_good_models_with_own_errors_share_the_answer() -> None:
    outputs, target = noisy(1_000, [0.5, 0.5, 0.5])
    found = regression(outputs, target)
    assert sum(found.weights) == pytest.approx(1.0)
    assert min(found.weights) > 0.2
    assert "improves rmse" in found.reason


def test_a_model_that_is_far_better_answers_alone() -> None:
    outputs, target = noisy(500, [3.0, 0.05, 4.0])
    assert regression(outputs, target).weights == [0.0, 1.0, 0.0]


def test_a_gain_that_is_not_real_is_not_worth_a_second_model() -> None:
    """Models that say nearly the same: which is best is chance, and so is a mixture's gain."""
    alone = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        target = random.normal(size=150)
        shared = target + 0.5 * random.normal(size=150)
        outputs = [(shared + 0.02 * random.normal(size=150))[:, None] for _ in range(6)]
        alone += max(regression(outputs, target, seed=seed).weights) == 1.0
    assert alone >= 14


def test_of_equal_models_the_first_is_taken() -> None:
    outputs, target = noisy(200, [0.5])
    assert regression(outputs * 3, target).weights == [1.0, 0.0, 0.0]


def test_the_weights_are_those_of_an_exhaustive_search() -> None:
    """Two models: the best multiple of 1 / 20 is near the inverse variances' 0.8 and 0.2."""
    outputs, target = noisy(5_000, [0.5, 1.0])
    assert regression(outputs, target).weights[0] == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("name", ["accuracy", "log-loss", "roc-auc", "f1"])
def test_classes_are_weighed_by_any_metric(name: str) -> None:
    random = np.random.default_rng(1)
    signal = random.normal(size=800)
    target = (random.random(800) < 1 / (1 + np.exp(-2 * signal))).astype(np.int64)
    outputs = []
    for noise in (0.8, 0.8, 3.0):
        probability = 1 / (1 + np.exp(-(signal + noise * random.normal(size=800))))
        outputs.append(np.stack([1 - probability, probability], axis=1))
    found = select(outputs, target, find("metrics", name), find("tasks", "binary"))
    assert sum(found.weights) == pytest.approx(1.0)
    assert found.weights[2] < 0.2


def test_weights_of_rows_decide_which_model_is_best() -> None:
    outputs, target = noisy(400, [0.1, 0.1])
    half = np.arange(400) < 200
    outputs[0][half] += 5.0
    outputs[1][~half] -= 5.0
    light = np.where(half, 1e-6, 1.0)
    assert regression(outputs, target, weight=light).weights == [1.0, 0.0]
    assert regression(outputs, target, weight=light[::-1].copy()).weights == [0.0, 1.0]


def test_it_is_deterministic_and_fast_on_many_rows() -> None:
    outputs, target = noisy(30_000, [0.3 + 0.1 * number for number in range(12)])
    started = time.process_time()
    first = regression(outputs, target, seed=5)
    assert time.process_time() - started < 5.0
    assert regression(outputs, target, seed=5) == first
