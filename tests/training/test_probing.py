"""Probing: what quick models make of rows, held to known answers; and when they say nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from luban.data.open import open_dataset
from luban.recipe.edit import changed
from luban.recipe.recipe import Recipe
from luban.training import probing
from luban.verbs.examine import examine
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given


def examination(signal: float, rows: int = 200, classes: bool = True):  # type: ignore[no-untyped-def]
    """Rows of which one column tells the target, as clearly as `signal` says."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3))
    score = signal * x[:, 0] + random.normal(size=rows)
    target = np.where(score > 0, "yes", "no") if classes else score
    dataset = open_dataset(pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": target}))
    return examine(prepare(dataset, Given(), changed(Recipe(), {"target": "y"})))


@pytest.mark.parametrize("classes", [True, False])
def test_what_can_be_learned_is_learned_and_noise_is_not(classes: bool) -> None:
    for signal, low, high in ((8.0, 0.9, 1.0), (0.0, 0.3, 0.7)):
        area, error = probing.ranking(probing.out_of_fold(examination(signal, classes=classes)))
        assert low <= area <= high
        assert 0 < error < 0.1


def test_no_row_is_answered_by_what_saw_it() -> None:
    """Every label is the row's own secret: whoever saw a row could tell it, and nobody else can."""
    random = np.random.default_rng(0)
    inputs, target = random.normal(size=(300, 2)), random.integers(0, 2, 300)
    fold = probing.folds(target, 5, 0)
    outputs = probing.cross_predict(inputs, target, 2, fold, 0)
    assert np.allclose(outputs.sum(axis=1), 1)
    assert abs(probing.losses(outputs, target).mean() - 0.5) < 0.12


def test_a_probe_is_the_same_each_time() -> None:
    one, other = (probing.out_of_fold.__wrapped__(examination(2.0)) for _ in range(2))
    assert np.array_equal(one.outputs, other.outputs)
    assert one.outputs.shape == (len(one.target), one.classes)
    assert np.array_equal(one.wrong, (one.outputs.argmax(axis=1) != one.target).astype(float))


def test_folds_share_out_each_class() -> None:
    target = np.repeat([0, 1, 2], [50, 30, 20])
    fold = probing.folds(target, 5, 0)
    assert [np.bincount(fold[target == code]).tolist() for code in range(3)] == [[10] * 5, [6] * 5, [4] * 5]


def test_too_few_rows_and_one_class_are_said_in_words() -> None:
    with pytest.raises(ValueError, match="16 training rows are too few to judge by; 30 are needed"):
        probing.out_of_fold(examination(1.0, rows=20))


@pytest.mark.parametrize(
    ("prediction", "target", "classes", "skill"),
    [
        ([0, 1, 0, 1], [0, 1, 0, 1], 2, 1.0),
        ([0, 0, 0, 0], [0, 1, 0, 1], 2, 0.0),
        ([1, 0, 1, 0], [0, 1, 0, 1], 2, -1.0),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0, 1.0),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], 0, 0.0),
    ],
)
def test_skill_is_one_for_perfect_and_zero_for_constant(
    prediction: list[float], target: list[float], classes: int, skill: float
) -> None:
    assert probing.skill(np.array(prediction), np.array(target), classes) == pytest.approx(skill)


def test_columns_are_standardised_and_constants_become_zero() -> None:
    values = probing.standardised(np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 1e308]]))
    assert values[:, 0].tolist() == [-1.0, 1.0]
    assert values[:, 1].tolist() == [0.0, 0.0]
    assert np.isfinite(values).all()


def test_wide_texts_are_reduced_to_their_strongest_directions() -> None:
    words = csr_matrix(np.random.default_rng(0).random((100, 500)) > 0.9, dtype=np.float32)
    assert probing.dense(words, 0).shape == (100, probing.WIDEST)
    assert np.array_equal(probing.dense(words[:, :10], 0), probing.standardised(words[:, :10].toarray().astype(float)))
