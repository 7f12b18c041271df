"""What every data type keeps to, whichever it is: a new one is tested by existing.

Types whose values are files (pictures, sounds) or whose inputs are no columns of a table come with values of their own
in the tests of their family; here are the laws for values that a table holds.
"""

from __future__ import annotations

import warnings
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import issparse

from luban import states
from luban.core import registry
from luban.core.errors import BundleError
from luban.protocols import State
from luban.recipe.recipe import Features

TYPICAL = {
    "boolean": pl.Series("x", [True, False, None, True]),
    "category": pl.Series("x", ["Ulm", "Bonn", "Ulm", None, "北京"]),
    "datetime": pl.Series("x", ["2024-01-31", "2024-02-01", None, "2025-03-04"]),
    "number": pl.Series("x", [1.0, -2.5, None, 1e6]),
    "text": pl.Series("x", ["a small cat", "a big cat", None, "质量很好 a cat"]),
}
NAMES = [name for name in registry.names("features") if name in TYPICAL]
ODD = [
    pl.Series("x", [None, None], dtype=pl.Null),
    pl.Series("x", ["", " ", "nan", "inf", "\x00", "中文", "9" * 400, None]),
    pl.Series("x", [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e308, 5e-324, None]),
    pl.Series("x", [0, 2**63 - 1, -(2**63), None]),
    pl.Series("x", [2**64 - 1, 0], dtype=pl.UInt64),
    pl.Series("x", [True, False, None]),
    pl.Series("x", [date(1, 1, 1), date(9999, 12, 31), None]),
    pl.Series("x", [datetime(1970, 1, 1), datetime(2262, 4, 11), None]),
    pl.Series("x", [], dtype=pl.String),
]


def dense(inputs):
    return inputs.toarray() if issparse(inputs) else inputs


def sound(feature, state, values):
    """The outputs, once they are seen to be what every feature promises."""
    inputs = feature.transform(values, state)
    assert inputs.dtype == np.float32
    assert inputs.shape == (len(values), len(feature.names("x", state)))
    rows = dense(inputs)
    assert np.isfinite(rows).all()
    return rows


def fitted(name, **chosen):
    feature = registry.find("features", name)
    return feature, feature.fit(TYPICAL[name], Features(category_floor=1, **chosen))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_all_data_types_of_tables_are_here():
    assert {"boolean", "category", "datetime", "number", "text"} == set(NAMES)


@pytest.mark.parametrize("odd", ODD, ids=lambda values: str(values.dtype))
def test_outputs_are_finite_whatever_the_values_are(name, odd):
    feature, state = fitted(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sound(feature, state, odd)
        # And whatever the training values were.
        learned = feature.fit(odd, Features())
        feature.check(learned)
        sound(feature, learned, odd)
        sound(feature, learned, TYPICAL[name])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda rows: rows.astype(np.float64),
        lambda rows: rows[:-1],
        lambda rows: rows[:, :-1],
        lambda rows: np.where(rows == rows.max(), np.float32(np.nan), rows),
        lambda rows: np.where(rows == rows.max(), np.float32(np.inf), rows),
    ],
    ids=["float64", "a row less", "a column less", "no number", "infinity"],
)
def test_the_tests_of_outputs_see_what_no_feature_may_give(name, wrong):
    class Wrong:
        names = staticmethod(registry.find("features", name).names)

        @staticmethod
        def transform(values, state):
            return wrong(dense(registry.find("features", name).transform(values, state)))

    _, state = fitted(name)
    with pytest.raises(AssertionError):
        sound(Wrong, state, TYPICAL[name])


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=6))
def test_outputs_are_finite_for_any_texts(texts):
    values = pl.Series("x", texts, dtype=pl.String)
    for name in NAMES:
        feature = registry.find("features", name)
        state = feature.fit(values, Features(category_floor=1))
        feature.check(state)
        sound(feature, state, values)


@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=6))
def test_outputs_are_finite_for_any_numbers(numbers):
    values = pl.Series("x", numbers, dtype=pl.Float64)
    for name in NAMES:
        feature = registry.find("features", name)
        state = feature.fit(values, Features(category_floor=1))
        feature.check(state)
        sound(feature, state, values)


def test_each_row_is_encoded_by_itself(name):
    feature, state = fitted(name)
    values = pl.concat([TYPICAL[name], TYPICAL[name].reverse()])
    together = sound(feature, state, values)
    for row in range(len(values)):
        assert np.array_equal(sound(feature, state, values[row : row + 1])[0], together[row])


def test_names_start_with_the_column_and_differ(name):
    feature, state = fitted(name)
    names = feature.names("x", state)
    assert names and all(output.startswith("x") for output in names)
    assert len(set(names)) == len(names)


def test_what_was_learned_survives_being_written(name):
    feature, state = fitted(name)
    kind, again = states.from_bytes(states.to_bytes(name, state))
    feature.check(again)
    assert kind == name
    assert np.array_equal(sound(feature, again, TYPICAL[name]), sound(feature, state, TYPICAL[name]))
    assert feature.names("x", again) == feature.names("x", state)


def test_learning_is_deterministic_to_the_byte(name):
    first, again = (states.to_bytes(name, fitted(name)[1]) for _ in range(2))
    assert first == again


def test_the_baseline_is_a_value_that_can_be_encoded(name):
    feature, state = fitted(name)
    row = sound(feature, state, pl.Series("x", [feature.baseline(state)]))
    missing = [place for place, output in enumerate(feature.names("x", state)) if output.endswith("is missing")]
    assert not row[0, missing].any(), "nothing known is not the same as missing"


def test_typical_values_are_readable_and_missing_ones_are_no_fault(name):
    feature = registry.find("features", name)
    unreadable = feature.unreadable(TYPICAL[name])
    assert unreadable.dtype == pl.Boolean
    assert not unreadable.any()


def test_no_values_give_no_rows(name):
    feature, state = fitted(name)
    assert sound(feature, state, TYPICAL[name].head(0)).shape[0] == 0


# What a bundle may hold


MAY_BE_NEGATIVE = {"median", "center"}


def broken(state):
    """The state with one value or array taken away, added or turned into something odd, in every way."""
    values, arrays = dict(state.values), dict(state.arrays)
    for key in values:
        yield f"{key} is gone", State({k: v for k, v in values.items() if k != key}, arrays)
        for odd in (float("nan"), float("inf"), -1, 10**400, "x", [["x"]], [None], {"x": 1}, ["x", "x"]):
            if odd == -1 and key in MAY_BE_NEGATIVE:
                continue
            yield f"{key} is {odd!r:.20}", State({**values, key: odd}, arrays)
    for key, array in arrays.items():
        yield f"{key} is gone", State(values, {k: v for k, v in arrays.items() if k != key})
        yield f"{key} is cut", State(values, {**arrays, key: array[:-1]})
        yield f"{key} is backwards", State(values, {**arrays, key: array[::-1] - 200})
        yield f"{key} is of another type", State(values, {**arrays, key: array.astype(np.float32)})
        yield f"{key} has two axes", State(values, {**arrays, key: array[:, None]})
    yield "another value", State({**values, "other": 1}, arrays)
    yield "another array", State(values, {**arrays, "other": np.zeros(1)})
    yield "a part", State(values, arrays, (("x", State({})),))


def test_a_state_that_fitting_never_gives_is_refused_in_words(name):
    feature, state = fitted(name)
    feature.check(state)
    for what, odd in broken(state):
        with pytest.raises(BundleError, match="column"):
            feature.check(odd)
            pytest.fail(f"it took a state of which {what}")


# Settings

FLIPPED = {
    "scale": ("number", pl.Series("x", [1.0, 2.0, 4.0, 9.0]), {"scale": "robust"}, {"scale": "none"}),
    "category_floor": ("category", pl.Series("x", ["a", "a", "b"]), {"category_floor": 1}, {"category_floor": 2}),
    "category_limit": (
        "category",
        pl.Series("x", ["a", "b", "c"] * 5),
        {"category_limit": 2},
        {"category_limit": 3},
    ),
    "text_terms": (
        "text",
        pl.Series("x", [" ".join(f"w{n}" for n in range(200))] * 2),
        {"text_terms": 100},
        {"text_terms": 150},
    ),
}


@pytest.mark.parametrize("setting", sorted(FLIPPED))
def test_every_setting_of_tables_changes_what_is_learned(setting):
    name, values, *chosen = FLIPPED[setting]
    assert setting in Features.model_fields
    feature = registry.find("features", name)
    first, second = (feature.fit(values, Features(**settings)) for settings in chosen)
    assert states.to_bytes(name, first) != states.to_bytes(name, second)
