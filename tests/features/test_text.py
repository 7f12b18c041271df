"""Texts: the TF-IDF of words and pieces of them, held to scikit-learn's."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer

from luban.features.text import feature
from luban.recipe.recipe import Features

NOTES = [
    "pain in the chest",
    "no pain today",
    "the fever since monday",
    "some fever today, some pain",
    "the chest hurts",
]


def by_name(values, state):
    """(rows) dictionaries of the outputs that are not 0."""
    names = feature.names("note", state)
    rows = feature.transform(pl.Series(values), state).toarray()
    return [{names[place]: float(row[place]) for place in np.flatnonzero(row)} for row in rows]


def test_words_and_pairs_weigh_as_in_scikit_learn():
    state = feature.fit(pl.Series(NOTES), Features())
    oracle = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(NOTES)
    words = len(state.values["words"])
    order = np.argsort(state.values["words"])
    assert [state.values["words"][place] for place in order] == oracle.get_feature_names_out().tolist()
    asked = [*NOTES, "Pain, PAIN and fever", "nothing that was seen"]
    ours = feature.transform(pl.Series(asked), state).toarray()[:, :words][:, order]
    np.testing.assert_allclose(ours, oracle.transform(asked).toarray(), atol=1e-6)


def pieces(text):
    """Every stretch of two to five characters of each word with a space on either side, slowly."""
    words = [f" {word} " for word in text.lower().split()]
    return [word[at : at + n] for word in words for n in (2, 3, 4, 5) for at in range(len(word) - n + 1)]


def test_pieces_weigh_as_in_scikit_learn():
    state = feature.fit(pl.Series(NOTES), Features())
    oracle = TfidfVectorizer(analyzer=pieces, min_df=2, sublinear_tf=True).fit(NOTES)
    words, order = len(state.values["words"]), np.argsort(state.values["characters"])
    assert [state.values["characters"][place] for place in order] == oracle.get_feature_names_out().tolist()
    asked = [*NOTES, "Feverish pains", "zzz"]
    ours = feature.transform(pl.Series(asked), state).toarray()[:, words:][:, order]
    np.testing.assert_allclose(ours, oracle.transform(asked).toarray(), atol=1e-6)


def test_chinese_texts_are_told_apart_by_pieces_without_spaces():
    state = feature.fit(pl.Series(["质量很好我很喜欢", "质量很差不喜欢", "很好用很喜欢", "很差退货"]), Features())
    good, bad = by_name(["很好", "很差"], state)
    assert "note has the characters '很好'" in good and "note has the characters '很差'" in bad
    assert not set(good) & {"note has the characters '很差'"}


def test_a_missing_text_is_an_empty_one_and_all_zeros():
    state = feature.fit(pl.Series(["a cat", "a dog", None]), Features())
    assert by_name([None, "", "?!"], state) == [{}, {}, {}]
    assert feature.baseline(state) == ""


def test_all_missing_has_no_outputs():
    state = feature.fit(pl.Series([None, ""], dtype=pl.String), Features())
    assert feature.transform(pl.Series(["a cat"]), state).shape == (1, 0)
    assert feature.names("note", state) == ()


def test_words_of_one_text_only_are_not_learned_unless_there_is_nothing_else():
    assert "cat" not in feature.fit(pl.Series(["cat and dog", "dog"]), Features()).values["words"]
    assert feature.fit(pl.Series(["cat", "dog"]), Features()).values["words"] != []


def test_at_most_so_many_terms_of_each_kind_the_commonest():
    texts = [" ".join(f"word{number:03}" for number in range(row, 200)) for row in range(120)]
    state = feature.fit(pl.Series(texts), Features(text_terms=100))
    assert {len(state.values[kind]) for kind in ("words", "characters")} == {100}
    assert "word199" in state.values["words"] and "word000" not in state.values["words"]


def test_a_text_of_a_million_characters_is_cut_and_read():
    state = feature.fit(pl.Series(["a cat", "a cat"]), Features())
    long = feature.transform(pl.Series(["cat " * 300_000]), state)
    assert np.isfinite(long.data).all() and long.nnz


def test_half_of_a_surrogate_pair_and_zeros_are_characters_too():
    state = feature.fit(pl.Series(["a\x00b", "a\x00b 😀😀", "😀😀"]), Features())
    assert np.isfinite(feature.transform(pl.Series(["😀😀 \x00"]), state).toarray()).all()


def test_keys_that_lie_far_apart_are_in_their_order_too():
    # Of few terms, neighbours differ by more than half of the 64 bits.
    state = feature.fit(pl.Series(["00:21"]), Features())
    keys = [int(key) for key in state.arrays["words_keys"]]
    assert max(after - before for before, after in itertools.pairwise(keys)) > 2**63
    feature.check(state)
