"""Every setting of every model does something: each has a case here in which another value gives other answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from luban.core.errors import UsageError
from luban.recipe.recipe import Candidate
from luban.training.settings import settings
from luban.training.unit import sees_tensors
from models.tables import ESTIMATORS, UNSEEN, fit, table


class Case(NamedTuple):
    """Two values of a setting that must differ, on a table, with the other settings that make it matter."""

    first: Any
    second: Any
    task: str = "binary"
    others: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


CASES = {
    "extra-trees": {
        "trees": Case(5, 10),
        "columns": Case("root", 1.0),
        "leaf": Case(1, 10),
        "depth": Case(2, 4),
    },
    "gaussian-mixture": {
        "clusters": Case(2, 3, "clustering"),
        "most": Case(1, 3, "clustering"),
        "covariance": Case("full", "diagonal", "clustering", {"clusters": 3}),
    },
    "gradient-boosting": {
        "rounds": Case(5, 10),
        "learning_rate": Case(0.05, 0.1),
        "leaves": Case(4, 16),
        "leaf": Case(2, 20),
        "columns": Case(0.5, 1.0),
        "rows": Case(0.5, 1.0),
        "l2": Case(0.0, 10.0),
    },
    "hdbscan": {"smallest": Case(5, 60, "clustering")},
    "isolation-forest": {"trees": Case(10, 20, "anomaly"), "rows": Case(16, 64, "anomaly")},
    "kmeans": {"clusters": Case(2, 3, "clustering"), "most": Case(2, 4, "clustering")},
    "knn": {"neighbours": Case(3, 30), "weighting": Case("uniform", "distance")},
    "linear": {
        "C": Case(0.01, 1.0),
        "penalty": Case("l1", "l2", others={"C": 0.1}),
        "l1_ratio": Case(0.1, 0.9, others={"penalty": "elastic-net", "C": 0.1}),
        "iterations": Case(1, 100),
    },
    "random-forest": {
        "trees": Case(5, 10),
        "columns": Case("root", "all"),
        "leaf": Case(1, 10),
        "depth": Case(2, 4),
    },
    "svm": {
        "kernel": Case("rbf", "linear"),
        "C": Case(0.1, 10.0),
        "gamma": Case("scale", 2.0),
        "epsilon": Case(0.01, 0.5, "regression"),
        "iterations": Case(1, 1000, others={"kernel": "linear"}),
    },
}
CHOICES = {
    ("linear", "penalty"): ("l1", "l2", "elastic-net", "none"),
    ("random-forest", "columns"): ("root", "third", "all", 0.9),
    ("svm", "gamma"): ("scale", "auto", 0.5),
}
"""Settings of more than two named values, on a table where each of them gives other answers."""
WRONG = [
    ("random-forest", "columns", 0.0, "greater than 0"),
    ("extra-trees", "columns", 1.5, "less than or equal to 1"),
    ("random-forest", "trees", 0, "greater than or equal to 1"),
    ("svm", "C", 0.0, "greater than 0"),
    ("svm", "C", float("inf"), "less than or equal to"),
    ("svm", "gamma", -1.0, "'scale' or 'auto', or greater than 0"),
    ("svm", "gamma", float("nan"), "'scale' or 'auto', or less than"),
    ("svm", "epsilon", float("inf"), "less than or equal to"),
    ("mlp", "units", (0,), "greater than or equal to 1"),
    ("mlp", "units", (), "at least 1 item"),
    ("mlp", "activation", "swish", "'sigmoid', 'tanh', 'relu', 'gelu' or 'silu'"),
    ("mlp", "dropout", 1.0, "less than 1"),
    ("cnn", "kernel", 4, "1, 3, 5, 7, 9 or 11"),
    ("gradient-boosting", "l2", float("nan"), "less than or equal to"),
    ("gradient-boosting", "leaves", 1, "greater than or equal to 2"),
    ("kmeans", "clusters", 2.5, "valid integer"),
    ("linear", "penalty", "l3", "'l1', 'l2', 'elastic-net' or 'none'"),
]
FIELDS = [
    (name, field)
    for name, model in ESTIMATORS.items()
    if not sees_tensors(model)
    for field in model.Settings.model_fields
]
"""Of models that read a row as one line of a matrix; the tests of their tasks show it of the others."""


def differs(name: str, task: str, first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two settings give forms that answer rows differently."""
    answers = [fit(name, *table(task), settings=given).outputs(UNSEEN) for given in (first, second)]
    return answers[0].shape != answers[1].shape or bool(np.abs(answers[0] - answers[1]).max() > 1e-6)


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=lambda part: part)
def test_another_value_of_a_setting_gives_other_answers(name: str, field: str) -> None:
    assert field in CASES.get(name, {}), f"write a case of two values of '{field}' that give other answers"
    case = CASES[name][field]
    assert differs(name, case.task, case.others | {field: case.first}, case.others | {field: case.second})


def test_the_test_above_sees_a_setting_that_does_nothing() -> None:
    """With another penalty than the elastic net its ratio does nothing."""
    assert not differs("linear", "binary", {"l1_ratio": 0.1}, {"l1_ratio": 0.9})


def test_every_case_is_of_a_setting_that_there_is() -> None:
    assert {(name, field) for name, fields in CASES.items() for field in fields} <= set(FIELDS)


@pytest.mark.parametrize(("name", "field"), CHOICES, ids=lambda part: part)
def test_every_named_value_of_a_setting_gives_answers_of_its_own(name: str, field: str) -> None:
    values = CHOICES[name, field]
    common = {"C": 0.1} if name == "linear" else {}
    for place, value in enumerate(values):
        for other in values[place + 1 :]:
            assert differs(name, "binary", common | {field: value}, common | {field: other}), (value, other)


@pytest.mark.parametrize(("name", "field", "value", "told"), WRONG)
def test_a_value_that_no_trainer_takes_is_refused_before_training(name: str, field: str, value: Any, told: str) -> None:
    with pytest.raises(UsageError, match=f"the setting '{field}' cannot be") as refused:
        settings(Candidate(model=name, settings={field: value}))
    assert told in refused.value.message
    assert refused.value.where == f"model.{name}"
