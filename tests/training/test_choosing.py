"""Of models that see rows as a matrix and of networks, the former answer unless the latter are shown to be better."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Array
from luban.core import registry
from luban.recipe.recipe import Candidate, Recipe
from luban.training import selection
from luban.training.choosing import Chosen, HeldOut, choose
from luban.training.search import Outcome


def said(target: Array, signal: float, random: np.random.Generator) -> Array:
    """(rows, 2) probabilities that know so much of the target, besides noise of their own."""
    second = 1 / (1 + np.exp(-(signal * (2 * target - 1) + random.normal(size=len(target)))))
    return np.stack([1 - second, second], axis=1)


def chosen(rows: int, *, plain: float, network: float, seed: int = 0, metric: str | None = None) -> Chosen:
    random = np.random.default_rng(seed)
    target = np.arange(rows) % 2
    outcomes = [
        Outcome(Candidate(model="constant"), "finished", "", np.full((rows, 2), 0.5)),
        Outcome(Candidate(model="mlp"), "finished", "", said(target, network, random)),
        Outcome(Candidate(model="linear"), "finished", "", said(target, plain, random)),
    ]
    held_out = HeldOut(target=target, folds=np.arange(rows) % 5, weight=None, groups=None)
    recipe = Recipe.model_validate({"target": "y", "train": {"metric": metric, "calibration": "none"}})
    task = registry.find("tasks", "binary")
    views = {"mlp": "tensors"}
    return choose(outcomes, held_out, task, recipe, 0, lambda each: views.get(each.model, "matrix"))[0]


@pytest.mark.parametrize("metric", ["log-loss", "accuracy"])
def test_a_network_that_is_far_better_answers(metric: str) -> None:
    found = chosen(400, plain=0.3, network=2.0, metric=metric)
    assert found.label == "mlp"
    assert f"better than models that see rows as a matrix: {metric}" in found.reason


def test_a_network_that_is_worse_does_not_answer() -> None:
    found = chosen(400, plain=2.0, network=0.3)
    assert found.label == "linear" and "networks, which cost more, are no better" in found.reason


def test_of_equally_good_ones_the_model_of_a_matrix_answers_unless_chance_is_larger_than_a_standard_error() -> None:
    labels = [chosen(100, plain=1.0, network=1.0, seed=seed).label for seed in range(60)]
    # Beyond one standard error on one side lies chance in 16 of 100 cases.
    assert 1 <= labels.count("mlp") <= 18


def test_the_reason_says_that_a_gain_was_not_shown() -> None:
    reasons = [chosen(100, plain=1.0, network=1.0, seed=seed).reason for seed in range(20)]
    assert any("networks, which cost more, are not shown to be better: log-loss" in each for each in reasons)


def test_a_small_gain_is_shown_by_many_rows() -> None:
    """The same models: what few rows leave open, many decide."""
    few = [chosen(40, plain=1.0, network=1.1, seed=seed).label for seed in range(10)]
    many = [chosen(40_000, plain=1.0, network=1.1, seed=seed).label for seed in range(3)]
    assert many == ["mlp"] * 3 and "linear" in few


def test_the_error_of_a_gain_is_that_of_a_mean_of_paired_differences() -> None:
    """Of accuracy a gain is a mean: its error is the deviation of the differences over the root of their number."""
    random = np.random.default_rng(3)
    target = np.arange(4_000) % 2
    task, metric = registry.find("tasks", "binary"), registry.find("metrics", "accuracy")
    first, second = (said(target, signal, random) for signal in (1.5, 1.0))
    gain, error = selection.gain(metric, target, task.answers(first), task.answers(second), random=random)
    right = [(each.argmax(axis=1) == target).astype(float) for each in (first, second)]
    assert gain == pytest.approx(float((right[0] - right[1]).mean()))
    assert error == pytest.approx(float((right[0] - right[1]).std() / np.sqrt(len(target))), rel=0.3)


def test_an_undefined_metric_shows_no_gain() -> None:
    task, metric = registry.find("tasks", "binary"), registry.find("metrics", "roc-auc")
    target = np.zeros(10, np.int64)
    answers = task.answers(np.full((10, 2), 0.5))
    found = selection.gain(metric, target, answers, answers, random=np.random.default_rng(0))
    assert found == (0.0, float("inf"))
