"""Splits: every row is on one side, and each split keeps what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luban.core import registry
from luban.core.errors import DataError
from luban.protocols import Rows


def split(name):
    return registry.find("data.splits", name)


@pytest.mark.parametrize("name", registry.names("data.splits"))
@settings(max_examples=40, deadline=None)
@given(count=st.integers(4, 60), share=st.floats(0.05, 0.9), seed=st.integers(0, 5), classes=st.integers(1, 4))
def test_both_sides_have_rows_and_every_fold_too(name, count, share, seed, classes):
    random = np.random.default_rng(seed)
    order = np.arange(count, dtype=float)
    groups = random.integers(0, 5, count)
    groups[:2] = [0, 1]
    rows = Rows(count, random.integers(0, classes, count), True, groups, order)
    test = split(name).holdout(rows, share, seed)
    assert test.shape == (count,) and test.any() and not test.all()
    folds = split(name).folds(rows, 3, seed)
    held = folds[folds >= 0]
    assert set(held) == set(range(held.max() + 1))
    assert (split(name).holdout(rows, share, seed) == test).all()


def test_a_seed_changes_who_is_held_out():
    rows = Rows(100, np.arange(100) % 2, True, np.arange(100) // 4)
    for name in ("random", "stratified", "group"):
        assert (split(name).holdout(rows, 0.2, 0) != split(name).holdout(rows, 0.2, 1)).any()
        assert (split(name).folds(rows, 5, 0) != split(name).folds(rows, 5, 1)).any()


def test_stratified_gives_every_class_its_share():
    target = np.repeat([0, 1, 2], [700, 250, 50])
    test = split("stratified").holdout(Rows(1000, target, True), 0.2, 0)
    assert np.bincount(target[test]).tolist() == [140, 50, 10]
    folds = split("stratified").folds(Rows(1000, target, True), 5, 0)
    for fold in range(5):
        assert np.bincount(target[folds == fold]).tolist() == [140, 50, 10]


def test_a_class_of_one_row_stays_on_the_side_that_trains():
    target = np.array([0] * 20 + [1])
    for seed in range(10):
        assert not split("stratified").holdout(Rows(21, target, True), 0.3, seed)[20]


def test_rows_of_a_group_stay_together():
    groups = np.repeat(np.arange(30), 5)
    rows = Rows(150, np.arange(150) % 2, True, groups)
    test = split("group").holdout(rows, 0.2, 0)
    assert not set(groups[test]) & set(groups[~test])
    assert test.sum() == 30
    folds = split("group").folds(rows, 5, 0)
    assert all(len(set(folds[groups == group])) == 1 for group in range(30))
    assert np.bincount(folds).tolist() == [30] * 5


def test_group_folds_share_out_a_rare_class():
    groups = np.repeat(np.arange(20), 5)
    target = (groups < 5).astype(int)
    folds = split("group").folds(Rows(100, target, True, groups), 5, 0)
    assert [target[folds == fold].sum() for fold in range(5)] == [5] * 5


def test_groups_of_one_class_each_do_not_share_a_fold():
    groups = np.repeat(np.arange(4), 5)
    folds = split("group").folds(Rows(20, groups, True, groups), 4, 0)
    assert np.bincount(folds).tolist() == [5] * 4


def test_one_group_cannot_be_split():
    with pytest.raises(DataError, match="share one group"):
        split("group").holdout(Rows(10, groups=np.zeros(10)), 0.2, 0)


def test_time_tests_on_the_latest_rows_and_moments_stay_together():
    order = np.array([5.0, 1.0, 4.0, 4.0, 2.0, 3.0, 4.0, 0.0, 1.5, 2.5])
    test = split("time").holdout(Rows(10, order=order), 0.2, 0)
    assert sorted(order[test]) == [4.0, 4.0, 4.0, 5.0]


def test_forward_folds_are_answered_by_what_lies_before():
    order = np.random.default_rng(0).permutation(60).astype(float)
    folds = split("time").folds(Rows(60, order=order), 5, 0)
    assert (folds == -1).sum() == 10
    for fold in range(5):
        assert order[folds == fold].min() > order[folds < fold].max()
