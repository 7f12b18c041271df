"""Tasks: classes and their order, codes, answers; and which task a target asks for."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.recipe.recipe import Recipe
from luban.training import question


def task(name):
    return registry.find("tasks", name)


def test_the_rarer_of_two_classes_is_positive_and_last():
    target = pl.Series("y", ["no", "yes", "no"])
    assert task("binary").classes(target, None) == ("no", "yes")
    assert task("binary").classes(target, "no") == ("yes", "no")
    assert task("binary").classes(pl.Series("y", [True, True, False]), None) == ("true", "false")


def test_of_equally_frequent_classes_the_second_is_positive():
    assert task("binary").classes(pl.Series("y", [0, 1]), None) == ("0", "1")


def test_a_misspelt_positive_class_is_told_with_the_near_one():
    with pytest.raises(UsageError, match="Did you mean 'malignant'"):
        task("binary").classes(pl.Series("y", ["malignant", "benign"]), "malignent")


def test_classes_that_are_numbers_are_in_the_order_of_numbers():
    assert task("multiclass").classes(pl.Series("y", [10, 9, 2]), None) == ("2", "9", "10")
    assert task("multiclass").classes(pl.Series("y", [10.0, 9.0, None]), None) == ("9", "10")


def test_unknown_and_missing_classes_have_no_code():
    codes = task("multiclass").encode(pl.Series("y", ["b", None, "z", " a "]), ("a", "b"))
    assert codes.tolist() == [1, -1, -1, 0]


def test_one_class_cannot_be_told_apart():
    with pytest.raises(DataError, match="all rows with a target are 'a'"):
        task("binary").classes(pl.Series("y", ["a", "a", None]), None)


def test_the_threshold_decides_which_class_is_answered():
    outputs = np.array([[0.7, 0.3], [0.4, 0.6]])
    assert task("binary").answers(outputs).prediction.tolist() == [0, 1]
    assert task("binary").answers(outputs, 0.3).prediction.tolist() == [1, 1]


def test_labels_come_as_lists_or_in_one_text():
    lists, text = pl.Series("y", [["a", "b"], [], None]), pl.Series("y", ["a|b", "", None])
    multilabel = task("multilabel")
    assert multilabel.classes(lists, None) == ("a", "b")
    assert multilabel.encode(lists, ("a", "b")).tolist() == [[1, 1], [0, 0], [-1, -1]]
    assert multilabel.encode(text, ("a", "b")).tolist() == [[1, 1], [0, 0], [-1, -1]]
    assert multilabel.answers(np.array([[0.5, 0.4]])).prediction.tolist() == [[1, 0]]


def test_regression_takes_numbers_only_and_no_infinities():
    regression = task("regression")
    assert np.isnan(regression.encode(pl.Series("y", [1.0, np.inf, None]), ())).tolist() == [False, True, True]
    with pytest.raises(DataError, match="row 1 holds 'dear'"):
        regression.classes(pl.Series("y", ["1", "dear"]), None)
    with pytest.raises(DataError, match="all values are 3"):
        regression.classes(pl.Series("y", [3.0, 3.0]), None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", None], "binary"),
        ([0, 1, 1], "binary"),
        ([True, False], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([1, 2, 3] * 10, "multiclass"),
        ([1, 2, 3], "regression"),
        ([0.5, 1.5, 2.5], "regression"),
        (list(range(100)), "regression"),
        ([["a"], ["a", "b"]], "multilabel"),
    ],
)
def test_the_target_decides_the_task(values, expected):
    name, reason = question.decide(pl.Series("y", values), Recipe())
    assert name == expected
    assert "'y'" in reason


def test_without_target_clusters_are_looked_for_and_a_named_task_has_the_last_word():
    assert question.decide(None, Recipe())[0] == "clustering"
    assert question.decide(None, Recipe(task="anomaly")) == ("anomaly", "as asked")
    assert question.decide(pl.Series("y", [1, 2, 3] * 10), Recipe(task="regression"))[0] == "regression"


@pytest.mark.parametrize(
    ("values", "task_name", "message"),
    [
        ([1, 2], "clustering", "has no target"),
        (None, "binary", "needs a target"),
        ([1, 2], "regresion", "Did you mean 'regression'"),
    ],
)
def test_a_task_that_does_not_fit_is_told(values, task_name, message):
    with pytest.raises(UsageError, match=message):
        question.decide(None if values is None else pl.Series("y", values), Recipe(task=task_name))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, None], "no values"),
        (["a", "a"], "nothing is left to predict"),
        ([f"name {i}" for i in range(100)], "different texts"),
        (pl.Series("y", ["2020-01-01", "2020-01-02"]).str.to_date(), "times"),
    ],
)
def test_a_target_that_asks_nothing_is_told(values, message):
    with pytest.raises(DataError, match=message):
        question.decide(pl.Series("y", values), Recipe())


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_every_task_names_metrics_that_are_there(name):
    found = task(name)
    assert found.name == name
    for metric in found.metrics:
        assert name in registry.find("metrics", metric).tasks
