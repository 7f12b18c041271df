"""Categories: an output each for the frequent ones, one for the rare, one for a missing value."""

from __future__ import annotations

import polars as pl

from luban.features.category import feature
from luban.recipe.recipe import Features

TOWNS = pl.Series(["Ulm"] * 3 + ["Bonn"] * 2 + ["Kiel", None])


def test_frequent_categories_have_an_output_each_the_commonest_first():
    state = feature.fit(TOWNS, Features(category_floor=2))
    assert feature.names("town", state) == ("town=Ulm", "town=Bonn", "town is rare", "town is missing")
    seen = feature.transform(pl.Series(["Bonn", "Kiel", None, "Ulm", "Jena"]), state)
    assert seen.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert feature.baseline(state) == "Ulm"


def test_an_unseen_category_is_all_zeros_where_none_was_rare():
    state = feature.fit(TOWNS.drop_nulls(), Features(category_floor=1))
    assert feature.transform(pl.Series(["Jena", None]), state).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_missing_value_counts_as_rare_where_none_was_missing_and_some_were_rare():
    state = feature.fit(TOWNS.drop_nulls(), Features(category_floor=2))
    assert feature.transform(pl.Series([None], dtype=pl.String), state).tolist() == [[0, 0, 1]]


def test_beyond_the_limit_categories_are_rare_and_ties_go_by_name():
    state = feature.fit(pl.Series(["c", "b", "a", "d", "d"]), Features(category_floor=1, category_limit=2))
    assert state.values["categories"] == ["d", "a"]


def test_where_all_are_rare_only_that_is_told():
    state = feature.fit(pl.Series(["a", "b"]), Features())
    assert feature.names("x", state) == ("x is rare",)
    assert feature.baseline(state) is None


def test_numbers_are_categories_by_how_they_are_written():
    state = feature.fit(pl.Series([1, 1, 2]), Features(category_floor=1))
    assert state.values["categories"] == ["1", "2"]
    assert feature.transform(pl.Series(["2", "1"]), state).tolist() == [[0, 1], [1, 0]]


def test_chinese_categories_keep_their_names():
    state = feature.fit(pl.Series(["北京", "北京", "上海"]), Features(category_floor=1))
    assert feature.names("城市", state) == ("城市=北京", "城市=上海")
