"""Numbers: medians for missing values, scales of training rows, and limits for whatever is too large."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luban.features.number import feature
from luban.recipe.recipe import Features


def fit(values, **settings):
    return feature.fit(pl.Series(values), Features(**settings))


def transform(values, state):
    return feature.transform(pl.Series(values), state).tolist()


def test_values_are_centred_and_scaled_by_the_training_rows():
    state = fit([1.0, 3.0])
    assert transform([1.0, 3.0, 4.0], state) == [[-1.0], [1.0], [2.0]]
    assert feature.names("age", state) == ("age",)


def test_a_missing_value_becomes_the_median_and_is_told():
    state = fit([0.0, 2.0, 10.0, None], scale="none")
    assert transform([None, 5.0], state) == [[2.0, 1.0], [5.0, 0.0]]
    assert feature.names("age", state) == ("age", "age is missing")


def test_a_missing_value_where_none_was_missing_has_no_output_of_its_own():
    assert transform([None], fit([0.0, 2.0, 10.0], scale="none")) == [[2.0]]


def test_not_a_number_is_a_missing_value():
    assert transform([float("nan")], fit([1.0, 2.0, 3.0, float("nan")], scale="none")) == [[2.0, 1.0]]


def test_the_robust_scale_is_the_range_of_the_middle_half():
    assert transform([4.0, 1e6], fit([0.0, 1.0, 2.0, 3.0, 1e6], scale="robust")) == [[1.0], [1e4]]


def test_where_more_than_half_are_equal_the_robust_scale_falls_back_to_the_standard_deviation():
    state = fit([0.0, 0.0, 0.0, 0.0, 5.0], scale="robust")
    assert transform([0.0, 2.0], state) == [[0.0], [1.0]]


def test_a_constant_is_zero_and_its_neighbours_are_not_blown_up():
    # The mean of 0.1, 0.1, 0.1 is not 0.1 in binary; that error must not pass for a spread.
    assert transform([0.1, 1.1], fit([0.1] * 3)) == [[0.0], [1.0]]


def test_infinities_teach_nothing_and_stop_at_the_limit():
    state = fit([1.0, 3.0, float("inf"), float("-inf")])
    assert transform([float("inf"), float("-inf"), 3.0], state) == [[1e4], [-1e4], [1.0]]


def test_all_missing_becomes_zero():
    assert transform([None, 7.0], fit(pl.Series([None, None], dtype=pl.Float64))) == [[0.0, 1.0], [7.0, 0.0]]


@pytest.mark.parametrize("values", [[1e308, -1e308], [1e-308, 2e-308], [1.0, 1.0 + 1e-15]])
def test_numbers_at_the_ends_of_what_can_be_written_stay_finite(values):
    state = fit(values)
    feature.check(state)
    assert np.isfinite(feature.transform(pl.Series([*values, 1e308, 0.0]), state)).all()


def test_texts_that_are_numbers_are_read_and_others_are_missing():
    state = fit([1.0, 3.0, None], scale="none")
    assert transform(["2.5", "dear"], state) == [[2.5, 0.0], [2.0, 1.0]]
    assert feature.unreadable(pl.Series(["2.5", "dear", None])).to_list() == [False, True, False]


def test_the_order_of_training_rows_changes_nothing():
    values = np.random.default_rng(0).lognormal(0, 3, 501)
    assert fit(values).values == fit(values[::-1].copy()).values


def test_many_columns_at_once_are_as_each_alone():
    frame = pl.DataFrame({"a": [1.0, None, 3.0], "b": [5, 6, 7], "c": ["1", "x", "3"]})
    states = [feature.fit(frame[name], Features()) for name in frame.columns]
    together = feature.transform_block(frame, frame.columns, feature.block(states))
    alone = [feature.transform(frame[name], state) for name, state in zip(frame.columns, states, strict=True)]
    assert np.array_equal(together, np.concatenate(alone, axis=1))


def test_unscaled_fills_as_before_and_leaves_the_values():
    assert transform([None, 20.0], feature.unscaled(fit([0.0, 10.0, 2.0, None]))) == [[2.0, 1.0], [20.0, 0.0]]
