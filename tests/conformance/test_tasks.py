"""What every task keeps to, whichever it is: a new one is tested by existing.

Tasks whose target is no column of classes, labels or values (boxes, sequences) are tested in the tests of their family.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from luban.batch import Array
from luban.core import registry
from luban.core.errors import LubanError
from luban.protocols import Task

TARGETS = {
    "binary": pl.Series("y", ["no", "yes", "no", None, "no", "yes"]),
    "multiclass": pl.Series("y", ["b", "a", None, "c", "a", "c"]),
    "multilabel": pl.Series("y", [["a", "b"], [], None, ["c"], ["a"], ["b", "c"]]),
    "regression": pl.Series("y", [1.5, -2.0, None, 0.0, 1e6, 3.0]),
}
"""A target of each supervised task; one row has none."""
OTHERS = {"clustering", "anomaly", "causal-lm", "chat", "masked-lm", "preference"}
NAMES = [name for name in registry.names("tasks") if name in TARGETS or name in OTHERS]
SUPERVISED = [name for name in NAMES if name in TARGETS]


def task(name: str) -> Task:
    found: Task = registry.find("tasks", name)
    return found


def outputs_of(name: str, rows: int, width: int) -> Array:
    """What a form may give out for this task."""
    raw = np.random.default_rng(0).random((rows, width)) + 0.01
    return raw / raw.sum(axis=1, keepdims=True) if name in ("binary", "multiclass", "clustering") else raw


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    found = task(name)
    assert found.name == name
    assert found.supervised == (name in TARGETS)
    metrics = registry.names("metrics")
    assert set(found.metrics) <= set(metrics)
    if found.supervised:
        assert found.compared_by in found.metrics
        assert found.baseline in registry.names("models")
        assert name in registry.find("models", found.baseline).tasks


@pytest.mark.parametrize("name", SUPERVISED)
def test_what_was_encoded_is_named_by_its_class_again(name: str) -> None:
    found, target = task(name), TARGETS[name]
    classes = found.classes(target, None)
    encoded = found.encode(target, classes)
    assert len(encoded) == len(target)
    given = target.to_list()
    if name == "regression":
        assert [None if np.isnan(value) else value for value in encoded.tolist()] == given
    elif name == "multilabel":
        again = [None if row.min() < 0 else [classes[at] for at in np.flatnonzero(row)] for row in encoded]
        assert again == given
    else:
        assert [None if code < 0 else classes[code] for code in encoded.tolist()] == given


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_value_that_is_not_among_the_classes_has_no_code(name: str) -> None:
    found = task(name)
    classes = found.classes(TARGETS[name], None)
    unknown = {"regression": ["dear"], "multilabel": [["z"]]}.get(name, ["z"])
    encoded = found.encode(pl.Series("y", unknown), classes)
    if name == "regression":
        assert np.isnan(encoded).all()
    elif name == "multilabel":
        assert encoded.tolist() == [[0] * len(classes)]
    else:
        assert encoded.tolist() == [-1]


@pytest.mark.parametrize("name", SUPERVISED)
def test_rows_are_encoded_each_by_itself_and_in_their_order(name: str) -> None:
    found, target = task(name), TARGETS[name]
    classes = found.classes(target, None)
    together = found.encode(target, classes)
    assert np.array_equal(found.encode(target.reverse(), classes), together[::-1], equal_nan=name == "regression")
    for row in range(len(target)):
        alone = found.encode(target[row : row + 1], classes)[0]
        assert np.array_equal(alone, together[row], equal_nan=name == "regression")


@pytest.mark.parametrize("name", SUPERVISED)
def test_classes_do_not_depend_on_the_order_of_rows(name: str) -> None:
    assert task(name).classes(TARGETS[name], None) == task(name).classes(TARGETS[name].reverse(), None)


@pytest.mark.parametrize("name", SUPERVISED)
def test_a_target_without_values_is_told_in_words(name: str) -> None:
    target = TARGETS[name]
    with pytest.raises(LubanError, match=r"no .*value"):
        task(name).classes(target.filter(target.is_null()), None)


@pytest.mark.parametrize("name", sorted({"multiclass", "multilabel", "regression"} & set(SUPERVISED)))
def test_only_two_classes_have_a_positive_one(name: str) -> None:
    with pytest.raises(LubanError, match="positive"):
        task(name).classes(TARGETS[name], "a")


@pytest.mark.parametrize("name", NAMES)
def test_there_is_an_answer_to_every_row(name: str) -> None:
    found = task(name)
    classes = found.classes(TARGETS[name], None) if name in TARGETS else ()
    width = found.outputs(classes) or 3
    outputs = outputs_of(name, 7, width)
    answers = found.answers(outputs)
    assert len(answers.prediction) == 7
    if answers.probabilities is not None:
        assert np.array_equal(answers.probabilities, outputs)
    if name in ("binary", "multiclass", "clustering"):
        assert answers.prediction.tolist() == outputs.argmax(axis=1).tolist()
    assert len(found.answers(outputs[:0]).prediction) == 0


@pytest.mark.parametrize("name", SUPERVISED)
def test_answers_are_in_what_the_target_is_encoded_in(name: str) -> None:
    found = task(name)
    classes = found.classes(TARGETS[name], None)
    encoded = found.encode(TARGETS[name], classes)
    prediction = found.answers(outputs_of(name, len(encoded), found.outputs(classes))).prediction
    assert prediction.shape == encoded.shape
    assert prediction.dtype.kind == encoded.dtype.kind


def test_the_lower_the_threshold_the_more_rows_are_positive() -> None:
    outputs = outputs_of("binary", 200, 2)
    positive = [task("binary").answers(outputs, cut).prediction for cut in (0.0, 0.25, 0.5, 0.75, 1.01)]
    assert [int(rows.sum()) for rows in (positive[0], positive[-1])] == [200, 0]
    assert all((more >= fewer).all() for more, fewer in pairwise(positive))
    # From the threshold on: a probability that equals it is positive.
    assert task("binary").answers(np.array([[0.7, 0.3]]), 0.3).prediction.tolist() == [1]


@pytest.mark.parametrize("name", sorted(OTHERS & set(NAMES)))
def test_what_is_found_has_no_target(name: str) -> None:
    assert task(name).classes(TARGETS["binary"], None) == ()
    with pytest.raises(TypeError, match="found, not given"):
        task(name).encode(TARGETS["binary"], ())
