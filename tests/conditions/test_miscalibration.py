"""Probabilities that do not come true, beyond what chance makes of few rows."""

from dataclasses import replace

import numpy as np
import pytest

from conditions.judged import binary, find, judgement
from luban.conditions.miscalibration import beyond_chance
from luban.evidence.judgement import Told

NAME = "miscalibration"


def overconfident(rows=1_000, **parts):
    told = binary(rows, sharpness=4.0)
    settings = {"train.calibration": "none"}
    return judgement(told, uncorrected=told.outputs, folds=np.arange(rows) % 5, settings=settings, **parts)


def test_true_probabilities_are_no_fault_with_any_seed():
    for seed in range(20):
        for rows in (100, 300, 2_000):
            assert find(NAME, judgement(binary(rows, seed))) == []


def test_overconfidence_is_found_and_the_correction_that_halves_it_is_named():
    (found,) = find(NAME, overconfident())
    assert found.evidence.value > found.evidence.threshold == 0.05
    assert found.edits[0].path == "train.calibration"
    assert [edit.after for edit in found.edits] == ["temperature", "isotonic"]
    assert "--set train.calibration=temperature" in found.text


def test_of_fewer_than_a_thousand_rows_isotonic_is_not_advised():
    (found,) = find(NAME, overconfident(600))
    assert [edit.after for edit in found.edits] == ["temperature"]


def test_where_the_recipe_is_not_known_it_is_told_all_the_same():
    (found,) = find(NAME, replace(overconfident(), settings={}))
    assert found.edits == ()


def test_a_shifted_probability_is_found_though_no_temperature_cures_it():
    told = binary(800)
    said = np.clip(told.outputs[:, 1] + 0.2, 0, 1)
    shifted = Told(told.target, np.stack([1 - said, said], axis=1))
    (found,) = find(NAME, judgement(shifted, folds=np.arange(800) % 5, uncorrected=shifted.outputs))
    assert "late" in found.text


def test_of_several_classes_the_likeliest_one_counts():
    random = np.random.default_rng(1)
    logits = random.normal(size=(900, 3)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (true.cumsum(axis=1) > random.random((900, 1))).argmax(axis=1)
    sharp = true**4 / (true**4).sum(axis=1, keepdims=True)
    for outputs, seen in ((true, []), (sharp, [NAME])):
        told = replace(judgement(Told(target, outputs), "multiclass"), classes=("a", "b", "c"))
        assert [found.condition for found in find(NAME, told)] == seen


def test_the_error_is_that_of_the_bins_by_hand():
    said = np.repeat([0.1, 0.9], 15)
    right = np.zeros(30, dtype=bool)
    right[15:27] = True
    error, by_chance, most = beyond_chance(said, right, seed=0)
    # Rows that claim the same share what comes true: 15 claim 0.1 and get 0; 15 claim 0.9 and get 0.8.
    assert error == pytest.approx((15 * 0.1 + 15 * 0.1) / 30)
    assert 0 < by_chance < most


def test_the_order_of_rows_that_claim_the_same_says_nothing():
    random = np.random.default_rng(0)
    right = random.random(600) < 0.4
    said = np.full(600, 0.4)
    assert beyond_chance(said, right, 0)[0] == beyond_chance(said, np.sort(right), 0)[0]
    told = Told(np.sort(right).astype(np.int64), np.stack([1 - said, said], axis=1))
    assert find(NAME, judgement(told)) == [], "one answer for all that comes true as often as it says is true"


def test_it_needs_a_hundred_rows():
    with pytest.raises(ValueError, match="99 rows are too few"):
        find(NAME, judgement(binary(99)))
