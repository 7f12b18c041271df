"""Words as networks see them: numbers of their own, pieces that tell of unknown ones, and rows without a word."""

from __future__ import annotations

import numpy as np
import polars as pl

from luban.core import registry
from luban.features.words import count, cut
from luban.features.words.steps import FIRST, NUMBERS, UNKNOWN, outline, pieces
from luban.protocols import State
from luban.recipe.recipe import Features

FEATURE = registry.find("features", "words")
STEPS = FEATURE.tensor


def fitted(*texts: str, **chosen: int) -> State:
    return STEPS.fit(pl.Series("x", texts), Features(**chosen))


def test_the_commonest_word_has_the_first_number():
    state = fitted("b a", "a c a")
    assert state.values["words"] == ["a", "b", "c"]
    rows = STEPS.encode(pl.Series(["c a zebra"]), state)
    assert rows.values[:, 0].tolist() == [FIRST + 2, FIRST, UNKNOWN]


def test_words_beyond_the_most_are_unknown():
    state = fitted("b a", "a c a", words=1)
    assert STEPS.encode(pl.Series(["a b"]), state).values[:, 0].tolist() == [FIRST, UNKNOWN]


def test_an_unknown_word_shares_the_pieces_of_words_that_end_alike():
    state = fitted("walking talking")
    known, unknown, other = STEPS.encode(pl.Series(["talking stalking Stalker"]), state).values
    endings = slice(4, 8)
    assert (known[endings] == unknown[endings]).all()
    assert not (known[endings] == other[endings]).any()
    assert known[-1] == unknown[-1] != other[-1], "the outline tells that one begins with a capital"


def test_a_row_without_words_has_one_step_of_zeros_and_no_row_is_cut():
    state = fitted("a", "b")
    rows = STEPS.encode(pl.Series(["", None, "a " * 50]), state)
    assert rows.lengths.tolist() == [1, 1, 50]
    assert not rows.values[:2].any() and rows.values[2:].all(axis=0)[0]
    assert STEPS.shape(state).size[1] == NUMBERS == rows.values.shape[1]


def test_lists_are_words_as_they_are():
    values = pl.Series([["New York", "is", None], []])
    assert cut(values).to_list() == [["New York", "is", ""], []]
    assert count(values).to_list() == [3, 0]


def test_a_short_word_has_fewer_pieces_and_signs_have_an_outline():
    assert [piece for piece in pieces("好") if piece] == ["<1好", ">1好", "=c"]
    assert outline("U.N.") == "X.X."
    assert outline("１９９８年") == "dc"


def test_a_line_of_a_matrix_says_how_many_words_there_are():
    found = FEATURE.transform(pl.Series(["a b c", None]), FEATURE.fit(pl.Series(["a"]), Features()))
    assert np.allclose(found, [[np.log(4)], [0]])
