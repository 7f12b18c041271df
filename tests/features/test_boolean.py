"""Booleans: what means true and false, and the commoner of both for a missing value."""

from __future__ import annotations

import polars as pl
import pytest

from luban.features.boolean import FALSE, FEW, TRUE, feature, parse
from luban.recipe.recipe import Features


def test_words_mean_true_and_false_whatever_their_case_and_spaces():
    for words, meaning in ((TRUE, True), (FALSE, False)):
        for word in words:
            assert parse(pl.Series([word, f" {word.upper()} "])).to_list() == [meaning, meaning]
    assert not TRUE & FALSE


@pytest.mark.parametrize("values", [[1, 0, None], [1.0, 0.0, None], [True, False, None], ["是", "否", None]])
def test_numbers_and_chinese_words_mean_it_too(values):
    assert parse(pl.Series(values)).to_list() == [True, False, None]


def test_few_rows_and_many_mean_the_same():
    words = [*sorted(TRUE), *sorted(FALSE), None, "perhaps", " YES ", "", "真 "] * FEW
    one_by_one = [parse(pl.Series([word], dtype=pl.String))[0] for word in words]
    assert parse(pl.Series(words)).to_list() == one_by_one


def test_a_missing_value_becomes_the_commoner_and_is_told():
    state = feature.fit(pl.Series(["yes", "yes", "no", None]), Features())
    assert feature.transform(pl.Series([None, "no", "perhaps"]), state).tolist() == [[1, 1], [0, 0], [1, 1]]
    assert feature.names("smokes", state) == ("smokes", "smokes is missing")
    assert feature.baseline(state) is True


def test_where_none_was_missing_there_is_one_output():
    state = feature.fit(pl.Series([True, False, False]), Features())
    assert feature.transform(pl.Series([None, True], dtype=pl.Boolean), state).tolist() == [[0], [1]]


def test_all_missing_is_false():
    state = feature.fit(pl.Series([None, None], dtype=pl.String), Features())
    assert feature.transform(pl.Series([None, "yes"]), state).tolist() == [[0, 1], [1, 0]]


def test_other_words_are_unreadable():
    assert feature.unreadable(pl.Series(["yes", "perhaps", None, "2"])).to_list() == [False, True, False, True]
