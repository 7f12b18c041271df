"""Tokens: any text reads back, equal rows teach equal pairs, marks cannot be forged, and length is bounded."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luban.core.errors import BundleError
from luban.features.text import feature, tokens
from luban.protocols import State
from luban.recipe.recipe import Features

TEXTS = [
    "The weather in Ulm is good today, and the food is good as well.",
    "Das Wetter in Ulm ist heute gut, und das Essen auch.",
    "今天的天气非常好，质量很好，服务也很好。",
    "今天的天气不好，但是质量很好。",
    "Погода сегодня хорошая",
    "👍🏽 fine\n\n\ttwo  spaces ",
]
VALUES = pl.Series("x", TEXTS * 5)
STATE = feature.tensor.fit(VALUES, Features(longest=512))


def encoded(*texts, state=STATE):
    return feature.tensor.encode(pl.Series("x", texts, dtype=pl.String), state)


@pytest.mark.parametrize("text", [*TEXTS, " begins with a space", "ไม่มีช่องว่าง", "\x00\x7f", "ﷺ", "never seen: ħ ŋ 龘"])
def test_tokens_of_any_language_read_back_as_the_text(text):
    assert tokens.written(encoded(text).values, STATE) == text


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Mn", "Mc", "Lo", "So", "Lm")), max_size=40))
def test_no_text_is_unknown(text):
    ids = encoded(text).values
    assert ids[0] == tokens.START and ids[-1] == tokens.END
    assert (ids[1:-1] >= len(tokens.MARKS)).all()


def test_chinese_without_spaces_becomes_tokens_of_several_characters():
    ids = encoded("质量很好").values[1:-1]
    assert len(ids) < 4, "characters that stand together often are one token"


def test_what_is_common_is_shorter_than_what_is_rare():
    assert encoded("weather").lengths[0] < encoded("zqxwvkj").lengths[0]


def test_empty_and_missing_texts_are_start_and_end():
    rows = feature.tensor.encode(pl.Series("x", ["", None], dtype=pl.String), STATE)
    assert rows.values.tolist() == [2, 3, 2, 3] and rows.values.dtype == np.int32


def test_marks_in_a_text_are_ordinary_characters():
    ids = encoded("[PAD] [UNK] [START] [END] [MASK]").values
    assert (ids[1:-1] >= len(tokens.MARKS)).all()
    assert (tokens.MARKS.index("[PAD]"), tokens.MARKS.index("[UNK]"), tokens.START, tokens.END) == (0, 1, 2, 3)
    assert tokens.MARKS.index("[MASK]") == 4


def test_composed_and_decomposed_letters_are_the_same():
    assert np.array_equal(encoded("caf\u00e9").values, encoded("cafe\u0301").values)


def test_long_texts_are_cut_to_the_longest_row():
    assert feature.tensor.fit(VALUES, Features(longest=6)).values["longest"] == 6
    state = State({"longest": 6}, STATE.arrays)
    rows = encoded("a b c d e f g h", "a b", state=state)
    assert rows.lengths.tolist() == [6, encoded("a b").lengths[0]]
    assert rows.values[5] == tokens.END
    # The first tokens are those of the whole text.
    assert rows.values[:5].tolist() == encoded("a b c d e f g h").values[:5].tolist()


def test_auto_takes_the_length_of_99_of_100_rows():
    values = pl.Series("x", ["a b c"] * 99 + ["a " * 300])
    longest = feature.tensor.fit(values, Features()).values["longest"]
    assert longest == encoded("a b c", state=feature.tensor.fit(values, Features(longest=50))).lengths[0]


def test_auto_takes_512_at_most():
    assert feature.tensor.fit(pl.Series("x", ["q w e " * 900] * 5), Features()).values["longest"] == 512


@pytest.mark.parametrize("text", ["x" * 1_000_000, "ab " * 333_000, "好" * 1_000_000, "\n" * 1_000_000])
def test_a_text_of_a_million_characters_is_read_no_further_than_needed(text):
    rows = encoded(text)
    assert 2 < rows.lengths[0] <= 512
    assert np.array_equal(rows.values, encoded(text[: 512 * tokens.LONGEST_PIECE]).values)


def test_learning_from_long_words_ends():
    words = ["".join(np.random.default_rng(seed).choice(list("abcdefgh"), 30_000)) for seed in range(3)]
    assert feature.tensor.shape(feature.tensor.fit(pl.Series("x", words), Features(vocabulary=600))).size == (600,)


def test_the_vocabulary_is_the_recipes_and_no_number_reaches_it():
    state = feature.tensor.fit(VALUES, Features(vocabulary=300))
    assert feature.tensor.shape(state).size == (300,)
    assert encoded(*TEXTS, state=state).values.max() < 300
    assert feature.tensor.shape(STATE).size[0] > 300


def test_training_rows_alone_decide():
    assert not np.array_equal(feature.tensor.fit(VALUES[:5], Features()).arrays["merges"], STATE.arrays["merges"])


PROGRAM = """
import hashlib, polars as pl
from luban.features.text import feature
from luban.recipe.recipe import Features
words = [f"{a}{b}{c}" for a in "mnoprst" for b in "aeiou" for c in ("ng", "sh", "rt", "很好", "天气")]
texts = [" ".join(words[(i * k) % len(words)] for k in range(1, 40)) for i in range(300)]
state = feature.tensor.fit(pl.Series("x", texts), Features())
print(hashlib.sha256(state.arrays["merges"].tobytes()).hexdigest(), state.values)
"""


def test_equal_rows_teach_equal_pairs_in_any_process_on_any_number_of_threads():
    told = set()
    for threads, parallel, seed in (("1", "false", "0"), ("4", "true", "1"), ("2", "true", "2")):
        extra = {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": parallel, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=os.environ | extra, capture_output=True, text=True, check=True
        )
        told.add(run.stdout)
    assert len(told) == 1


def test_the_environment_is_left_as_it_was(monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    encoded("a")
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"
    monkeypatch.delenv("TOKENIZERS_PARALLELISM")
    encoded("a")
    assert "TOKENIZERS_PARALLELISM" not in os.environ


FIRST = len(tokens.MARKS)


@pytest.mark.parametrize(
    ("merges", "reason"),
    [
        ([[0, FIRST]], "not made of earlier tokens"),
        ([[FIRST, FIRST + 256]], "not made of earlier tokens"),
        ([[-1, FIRST]], "not made of earlier tokens"),
        ([[FIRST, FIRST], [FIRST, FIRST]], "twice"),
        ([[FIRST, FIRST]] + [[FIRST + 256 + i, FIRST + 256 + i] for i in range(30)], "longer than 16 bytes"),
        (np.zeros((1, 3)), "whole numbers"),
    ],
)
def test_pairs_that_learning_never_gives_are_refused(merges, reason):
    with pytest.raises(BundleError, match=reason):
        feature.tensor.check(State(STATE.values, {"merges": np.array(merges, np.int32)}))
