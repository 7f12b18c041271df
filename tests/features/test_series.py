"""Series: every way of storing them gives the same steps; gaps are filled; unequal channels are told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luban.features.series import feature
from luban.recipe.recipe import Features

SETTINGS = Features()


def rows_of(values, settings=SETTINGS):
    state = feature.fit(values, settings)
    feature.check(state)
    ragged = feature.tensor.encode(values, state)
    assert ragged.values.dtype == np.float32
    return [ragged.values[a:b].tolist() for a, b in zip(ragged.offsets, ragged.offsets[1:], strict=False)], state


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("x", [[1.0, 2.5, -3.0], [4.0]]),
        pl.Series("x", ["1 2.5 -3", "4"]),
        pl.Series("x", ["[1, 2.5, -3e0]", "[ 4.0 ]"]),
        pl.Series("x", ["(1;2.5;-3)", " 4 "]),
        pl.Series("x", [[[1.0], [2.5], [-3.0]], [[4.0]]]),
    ],
    ids=["lists", "text", "brackets", "semicolons", "steps of one channel"],
)
def test_one_channel_however_it_is_stored(values):
    rows, state = rows_of(values)
    assert rows == [[[1.0], [2.5], [-3.0]], [[4.0]]]
    assert feature.shape(state).size == (1,)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("x", [[[1, 5], [2, 6]], [[3, 7], [4, 8]]]),
        pl.Series("x", np.array([[[1.0, 5], [2, 6]], [[3, 7], [4, 8]]])),
        pl.Series("x", np.array([[[1, 5], [2, 6]], [[3, 7], [4, 8]]], dtype=np.int16)),
    ],
    ids=["lists", "arrays", "small numbers"],
)
def test_steps_of_several_channels_however_they_are_stored(values):
    rows, state = rows_of(values)
    assert rows == [[[1, 5], [2, 6]], [[3, 7], [4, 8]]]
    shape = feature.shape(state)
    assert (shape.size, shape.longest, shape.center) == ((2,), 2, (2.5, 6.5))
    assert shape.spread == pytest.approx([np.sqrt(1.25)] * 2)


def test_gaps_are_filled_on_a_line_and_ends_with_the_nearest():
    nan = float("nan")
    rows, _ = rows_of(pl.Series("x", [[None, 1.0, None, nan, 4.0, float("inf")], [7.0]]))
    assert np.ravel(rows[0]).tolist() == [1, 1, 2, 3, 4, 4]
    rows, _ = rows_of(pl.Series("x", ["? 1 NA nan 4 inf"]))
    assert np.ravel(rows[0]).tolist() == [1, 1, 2, 3, 4, 4]


def test_gaps_are_filled_in_each_channel_by_itself():
    rows, _ = rows_of(pl.Series("x", [[[0.0, 9.0], None, [2.0, None]], [[1.0, 3.0]]]))
    assert rows[0] == [[0, 9], [1, 9], [2, 9]]


def test_a_channel_without_any_value_is_its_mean():
    rows, _ = rows_of(pl.Series("x", [[[0.0, 8.0]], [[2.0, None], [2.0, None]], [[4.0, 10.0]]]))
    assert rows[1] == [[2, 9], [2, 9]]


@pytest.mark.parametrize("nothing", [None, []])
def test_a_row_without_steps_is_one_step_of_the_mean(nothing):
    rows, state = rows_of(pl.Series("x", [[1.0, 2.0, 3.0], nothing]))
    assert rows[1] == [[2.0]]
    assert feature.baseline(state) == [2.0]


def test_rows_are_cut_to_what_99_of_100_have():
    rows, state = rows_of(pl.Series("x", [[1.0, 2.0]] * 99 + [[1.0] * 50]))
    assert state.values["longest"] == 2 and len(rows[-1]) == 2
    assert rows_of(pl.Series("x", [[1.0, 2.0, 3.0]]), Features(longest=1))[0] == [[[1.0]]]


def test_a_row_of_unequal_channels_is_unreadable_and_says_why():
    values = pl.Series("x", [[[1.0, 2.0]], [[1.0, 2.0], [3.0]], None, [[1.0, 2.0, 3.0]], [[5.0, 6.0]]])
    assert feature.problems(values) == [
        None,
        "step 2 has 1 number, and the series of this column have 2 channels",
        None,
        "step 1 has 3 numbers, and the series of this column have 2 channels",
        None,
    ]
    rows, state = rows_of(values)
    assert rows[1] == rows[2] == rows[3] == [[3.0, 4.0]]
    assert rows[4] == [[5.0, 6.0]]
    # What was learned decides, not what most of the asking rows have.
    three = pl.Series("x", [[[1.0, 2.0, 3.0]]] * 3)
    assert feature.problems(three) == [None] * 3
    assert all("2 channels" in reason for reason in feature.problems(three, state))
    assert "1 number" in feature.problems(pl.Series("x", [[1.0]]), state)[0]


def test_a_text_that_is_no_series_says_which_word():
    values = pl.Series("x", ["1 2", "1 two 3", "", None, "[]", "nan"])
    assert feature.problems(values) == [None, "'two' is not a number", None, None, None, None]
    assert feature.unreadable(values).to_list() == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("x", [1, 2]),
        pl.Series("x", [["a"], ["b"]]),
        pl.Series("x", [[[[1.0]]]]),
        pl.Series("x", [b"1 2"]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_no_series_is_unreadable(values):
    assert feature.unreadable(values).all()
    assert "are no series of numbers" in feature.problems(values)[0]


def test_huge_values_stay_finite():
    rows, _ = rows_of(pl.Series("x", [[1e308, -1e308], [5e-324]]))
    assert np.isfinite(np.concatenate([np.ravel(row) for row in rows])).all()


def slow_line(row, points, center, spread):
    """What other models see of one channel, step by step."""
    scaled = [(value - center) / spread for value in row]
    places = [i * (len(row) - 1) / (points - 1) for i in range(points)]
    seen = [np.interp(place, range(len(row)), scaled) for place in places]
    slope = np.polyfit(np.linspace(0, 1, len(row)), scaled, 1)[0] if len(row) > 1 else 0.0
    return [*seen, np.mean(scaled), np.std(scaled), min(scaled), max(scaled), slope]


def test_other_models_see_points_and_figures_of_each_channel():
    random = np.random.default_rng(0)
    lengths = (100, 7, 1, 64)
    series = [random.normal(5, 3, (length, 2)).cumsum(axis=0) for length in lengths]
    values = pl.Series("x", [each.tolist() for each in series])
    _, state = rows_of(values)
    found = feature.transform(values, state)
    names = feature.names("x", state)
    assert found.shape == (4, 2 * 69) == (4, len(names))
    assert (names[0], names[68], names[69]) == ("x channel 1 at point 1", "x channel 1 slope", "x channel 2 at point 1")
    for row, each in enumerate(series):
        expected = [
            number
            for channel in (0, 1)
            for number in slow_line(
                each[:, channel], 64, state.values["center"][channel], state.values["spread"][channel]
            )
        ]
        assert np.allclose(found[row], expected, atol=1e-4)


def test_a_short_series_has_as_many_points_as_steps():
    values = pl.Series("x", [[1.0, 2.0, 4.0], [2.0, 2.0, 2.0]])
    state = feature.fit(values, SETTINGS)
    assert feature.names("x", state)[:4] == ("x at point 1", "x at point 2", "x at point 3", "x mean")
