"""The columns of windows: histories of one length, and what they are put back with."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luban import states
from luban.core import registry
from luban.core.errors import BundleError
from luban.protocols import State
from luban.recipe.recipe import Features

LAGS, ANCHOR = registry.find("features", "lags"), registry.find("features", "anchor")
HISTORIES = pl.Series("history", np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]]))
PAIRS = pl.Series("anchor", np.array([[5.0, 2.0], [1e9 + 0.5, 1.0]]))
ODD = [
    pl.Series("x", [None, [1.0, 2.0], [None, 1.0, 2.0], [float("nan"), float("inf"), -1e300]]),
    pl.Series("x", ["a", None, "b", "c"]),
    pl.Series("x", [1.0, 2.0, None, 4.0]),
]


def test_a_history_is_its_values_oldest_first() -> None:
    state = LAGS.fit(HISTORIES, Features())
    assert LAGS.transform(HISTORIES, state).tolist() == HISTORIES.to_list()
    assert LAGS.names("history", state) == ("history 3 before", "history 2 before", "history 1 before")
    assert LAGS.transform(HISTORIES.arr.to_list(), state).tolist() == HISTORIES.to_list()


def test_networks_see_a_sequence_of_one_channel() -> None:
    state = LAGS.fit(HISTORIES, Features())
    found = LAGS.encode(HISTORIES, state)
    assert found.lengths.tolist() == [3, 3] and found.values[:, 0].tolist() == [1.0, 2.0, 3.0, -1.0, 0.5, 0.0]
    assert LAGS.shape(state).size == (1,) and LAGS.shape(state).longest == 3


def test_the_level_of_an_anchor_is_exact_in_two_numbers() -> None:
    found = ANCHOR.transform(PAIRS, ANCHOR.fit(PAIRS, Features())).astype(np.float64)
    assert (found[:, 0] + found[:, 1]).tolist() == [5.0, 1e9 + 0.5]
    assert found[:, 2].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("odd", ODD, ids=lambda values: str(values.dtype))
@pytest.mark.parametrize("name", ["lags", "anchor"])
def test_outputs_are_finite_whatever_the_values_are(name: str, odd: pl.Series) -> None:
    feature = registry.find("features", name)
    for values in (HISTORIES if name == "lags" else PAIRS, odd):
        state = feature.fit(values, Features())
        feature.check(states.from_bytes(states.to_bytes(name, state))[1])
        rows = feature.transform(odd, state)
        assert rows.shape == (len(odd), len(feature.names("x", state))) and rows.dtype == np.float32
        assert np.isfinite(rows).all()
        assert feature.transform(odd.head(0), state).shape[0] == 0


@pytest.mark.parametrize("name", ["lags", "anchor"])
def test_the_baseline_can_be_encoded(name: str) -> None:
    feature = registry.find("features", name)
    state = feature.fit(HISTORIES, Features())
    row = feature.transform(pl.Series("x", [feature.baseline(state)]), state)
    assert np.isfinite(row).all() and not feature.unreadable(HISTORIES).any()


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("lags", State({})),
        ("lags", State({"length": 0})),
        ("lags", State({"length": True})),
        ("lags", State({"length": 10**9})),
        ("lags", State({"length": 3, "other": 1})),
        ("anchor", State({"other": 1})),
        ("anchor", State({}, {"other": np.zeros(1)})),
    ],
)
def test_a_state_that_fitting_never_gives_is_refused_in_words(name: str, state: State) -> None:
    with pytest.raises(BundleError, match="column"):
        registry.find("features", name).check(state)
