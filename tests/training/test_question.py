"""The question that a target asks: every kind of column leads to its task, or to a message with a cure."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from luban.core.errors import DataError, UsageError
from luban.recipe.edit import changed
from luban.recipe.recipe import Recipe
from luban.training import question


def decided(values: list[Any] | None, **asked: Any) -> str:
    return question.decide(None if values is None else pl.Series("y", values, strict=False), Recipe(**asked))[0]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (None, "clustering"),
        (["yes", "no", None, "no"], "binary"),
        ([0, 1, 1, 0], "binary"),
        ([True, False, True], "binary"),
        (["a", "b", "c", "a"], "multiclass"),
        ([1, 2, 3] * 10, "multiclass"),
        ([1.0, 2.0, 3.0] * 10, "multiclass"),
        (list(range(100)), "regression"),
        ([0.5, 1.5, 2.5], "regression"),
        ([1.5, float("inf"), float("nan"), 2.5, 3.5], "regression"),
        ([["a"], ["a", "b"], []], "multilabel"),
    ],
)
def test_a_target_asks_its_question(values: list[Any] | None, task: str) -> None:
    assert decided(values) == task


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([None, None], "no value|finite"),
        (["yes", "yes", None], "nothing is left to predict"),
        ([date(2024, 1, 1), date(2024, 1, 2)], "holds times"),
        ([f"name {i}" for i in range(100)], "neither classes nor numbers"),
    ],
)
def test_a_target_without_a_question_is_refused_with_a_cure(values: list[Any], told: str) -> None:
    with pytest.raises(DataError, match=told) as raised:
        decided(values)
    assert raised.value.where and raised.value.fix


def test_the_task_that_is_asked_for_has_the_last_word() -> None:
    assert decided([1, 2, 3] * 10, task="regression") == "regression"
    assert decided(None, task="Anomaly") == "anomaly"


@pytest.mark.parametrize(
    ("values", "task", "told"),
    [
        ([0, 1], "regresion", "Did you mean 'regression'?"),
        (None, "regression", "needs a target"),
        ([0, 1], "clustering", "has no target"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(values: list[Any] | None, task: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        decided(values, task=task)
    assert told in raised.value.message


def test_what_fits_the_task_is_taken() -> None:
    recipe = {"train.metric": "f1", "train.threshold": "cost", "train.cost": {"false-negative": 2.0}}
    question.suits("binary", changed(Recipe(), recipe))
    question.suits("regression", changed(Recipe(), {"train.metric": "r2", "train.loss": "huber"}))
    with pytest.raises(UsageError, match=r"train\.threshold cannot be 'cost' for multiclass; it is for binary"):
        question.suits("multiclass", changed(Recipe(), recipe))


def test_questions_have_a_threshold_of_no_answer_but_no_costs_and_no_lines() -> None:
    question.suits("question-answering", changed(Recipe(), {"train.threshold": 0.3}))
    for key, value in (("train.threshold", "cost"), ("train.calibration", "isotonic")):
        with pytest.raises(UsageError, match=f"{key} cannot be '{value}' for question-answering"):
            question.suits("question-answering", changed(Recipe(), {key: value}))
