"""What every split keeps to, whichever it is: a new one is tested by existing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luban.core import registry
from luban.core.errors import DataError
from luban.protocols import Rows, Split

NAMES = registry.names("data.splits")
KEEPS_GROUPS = {"group"}
KEEPS_ORDER = {"time"}


def split(name: str) -> Split:
    found: Split = registry.find("data.splits", name)
    return found


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Rows of a few classes, groups and moments; at least two of the latter each."""
    count = draw(st.integers(2, 50))
    some = st.lists(st.integers(0, draw(st.integers(1, 12))), min_size=count, max_size=count)
    groups, order, target = (np.array(draw(some)) for _ in range(3))
    groups[:2] = order[:2] = [0, 1]
    return Rows(count, target, draw(st.booleans()), groups, order.astype(np.float64))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(rows=tables(), share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_held_out_rows_are_some_and_not_all(name: str, rows: Rows, share: float, seed: int) -> None:
    test = split(name).holdout(rows, share, seed)
    assert (test.dtype, test.shape) == (np.bool_, (rows.count,))
    assert test.any() and not test.all()
    assert np.array_equal(split(name).holdout(rows, share, seed), test)
    if name in KEEPS_GROUPS:
        assert not set(rows.groups[test]) & set(rows.groups[~test])
    if name in KEEPS_ORDER:
        assert rows.order[test].min() > rows.order[~test].max()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(rows=tables(), count=st.integers(2, 10), seed=st.integers(0, 9))
def test_folds_hold_every_row_out_once_or_keep_it_for_training(name: str, rows: Rows, count: int, seed: int) -> None:
    fold = split(name).folds(rows, count, seed)
    assert (fold.dtype, fold.shape) == (np.int64, (rows.count,))
    assert fold.min() >= -1 and fold.max() < count
    # The folds that there are have numbers without a gap, and rows on both sides.
    held = np.unique(fold[fold >= 0])
    assert held.tolist() == list(range(len(held))) and len(held)
    assert all((fold == number).any() and (fold != number).any() for number in held)
    assert np.array_equal(split(name).folds(rows, count, seed), fold)
    if name in KEEPS_GROUPS:
        assert all(len(set(fold[rows.groups == group].tolist())) == 1 for group in set(rows.groups.tolist()))
    if name in KEEPS_ORDER:
        assert all(rows.order[fold == number].min() > rows.order[fold < number].max() for number in held)
    else:
        assert (fold >= 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_the_share_is_as_asked_where_rows_allow_it(name: str, share: float) -> None:
    count = 1000
    rows = Rows(count, np.arange(count) % 3, True, np.arange(count) // 2, np.arange(count).astype(np.float64))
    assert split(name).holdout(rows, share, 0).mean() == pytest.approx(share, abs=0.002)


@pytest.mark.parametrize("name", NAMES)
def test_folds_are_as_large_as_each_other_where_rows_allow_it(name: str) -> None:
    count = 1000
    rows = Rows(count, np.arange(count) % 3, True, np.arange(count) // 2, np.arange(count).astype(np.float64))
    fold = split(name).folds(rows, 5, 0)
    sizes = np.bincount(fold[fold >= 0])
    assert len(sizes) == 5
    assert np.ptp(sizes) <= 2


@pytest.mark.parametrize("name", NAMES)
def test_two_rows_are_one_on_each_side(name: str) -> None:
    rows = Rows(2, np.array([0, 1]), True, np.array([0, 1]), np.array([0.0, 1.0]))
    assert split(name).holdout(rows, 0.2, 0).sum() == 1


@pytest.mark.parametrize(("name", "message"), [("group", "share one group"), ("time", "of one moment")])
def test_rows_that_cannot_be_told_apart_are_an_error_in_words(name: str, message: str) -> None:
    rows = Rows(5, np.arange(5), False, np.zeros(5, dtype=np.int64), np.zeros(5))
    with pytest.raises(DataError, match=message) as error:
        split(name).holdout(rows, 0.2, 0)
    assert error.value.fix


def test_a_split_of_values_is_no_matter_of_their_order() -> None:
    # The split by time goes by the moments, wherever in the table they stand.
    order = np.random.default_rng(0).permutation(100).astype(np.float64)
    rows, mixed = (Rows(100, order=values) for values in (order, order[::-1].copy()))
    assert np.array_equal(split("time").holdout(rows, 0.2, 0), split("time").holdout(mixed, 0.2, 0)[::-1])
