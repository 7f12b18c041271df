"""Words as networks see them: numbers of their own, pieces that tell of unknown ones, and rows without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from luban.core import registry
from luban.core.errors import BundleError, UsageError
from luban.features.words import count, cut, tokens
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


TEXTS = ["the weather in Ulm is good", "Ulm is old", "the old weather"] * 8


def tokenizer(folder: Path, kind: str) -> Tokenizer:
    """A small one that writes spaces as RoBERTa does, or as SentencePiece, or that cuts words into word pieces."""
    marks = ["<pad>", "<unk>"]
    if kind == "WordPiece":
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=40, special_tokens=marks)
    elif kind == "ByteLevel":
        made = Tokenizer(models.BPE(unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=80, special_tokens=marks)
    else:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=40, unk_token="<unk>", special_tokens=marks)
    made.train_from_iterator(TEXTS, trainer)
    made.save(str(folder / "tokenizer.json"))
    return made


@pytest.mark.parametrize("kind", ["WordPiece", "ByteLevel", "Metaspace"])
def test_behind_the_nine_stand_the_tokens_as_they_are_within_a_text(kind: str, tmp_path: Path):
    own = tokenizer(tmp_path, kind)
    settings = Features(tokenizer=str(tmp_path))
    state = STEPS.fit(pl.Series("x", TEXTS), settings)
    STEPS.check(state)
    found = STEPS.encode(pl.Series([TEXTS[0]]), state).values
    plain = STEPS.encode(pl.Series([TEXTS[0]]), STEPS.fit(pl.Series("x", TEXTS), Features())).values
    assert (found[:, :NUMBERS] == plain).all(), "what other networks read is what it was"
    # The first word stands within a text too.
    whole = own.encode(f"Ulm {TEXTS[0]}", add_special_tokens=False).ids
    alone = own.encode("Ulm", add_special_tokens=False).ids
    behind = found[:, NUMBERS:]
    assert [number - 5 for number in behind[behind > 0]] == whole[len(alone) :]
    *plain_size, size, most, each = STEPS.shape(state).size
    assert (plain_size, size) == ([*STEPS.shape(fitted(*TEXTS)).size], 5 + own.get_vocab_size())
    assert 1 <= each <= most == behind.shape[1]
    assert STEPS.shape(state).inner == (NUMBERS + behind.shape[1],)


def test_a_word_without_a_token_is_unknown_and_a_long_one_loses_its_last(tmp_path: Path):
    own = tokenizer(tmp_path, "WordPiece")
    state = STEPS.fit(pl.Series("x", [*TEXTS, "tththththththth"]), Features(tokenizer=str(tmp_path)))
    assert state.values["tokens"] == tokens.MOST
    rows = STEPS.encode(pl.Series([["", "\u200b\n", "Ulm"], [], ["theweatherinulmisgood" * 40]]), state)
    behind = rows.values[:, NUMBERS:]
    assert behind[0].tolist() == [tokens.UNKNOWN] + [0] * (tokens.MOST - 1)
    assert behind[:3, 0].all() and rows.lengths.tolist() == [3, 1, 1]
    assert not behind[3].any(), "a row without a word stays a step of zeros"
    assert behind[4, 0] in (5 + own.token_to_id("the"), 5 + own.token_to_id("<unk>"))


@pytest.mark.parametrize(("long", "each"), [(1, 1), (2, tokens.MOST), (100, tokens.MOST)])
def test_words_have_room_for_as_many_tokens_as_they_have_in_all_rows_but_one_of_a_hundred(
    long: int, each: int, tmp_path: Path
):
    tokenizer(tmp_path, "WordPiece")
    rows = [["is"]] * (100 - long) + [["tththththththth"]] * long
    assert tokens.learned(pl.Series("x", rows), Features(tokenizer=str(tmp_path)), "x").values["each"] == each


def test_a_tokenizer_that_does_not_cut_at_spaces_cuts_words_by_themselves(tmp_path: Path):
    made = Tokenizer(models.WordLevel({"<unk>": 0, "Ulm": 1, "is": 2}, unk_token="<unk>"))
    made.save(str(tmp_path / "tokenizer.json"))
    state = STEPS.fit(pl.Series("x", TEXTS), Features(tokenizer=str(tmp_path)))
    assert STEPS.encode(pl.Series(["Ulm is new"]), state).values[:, NUMBERS:].tolist() == [[6], [7], [5]]


def test_a_tokenizer_that_knows_none_of_the_words_is_refused(tmp_path: Path):
    tokenizer(tmp_path, "WordPiece")
    with pytest.raises(UsageError, match="knows 0 of the 2 tokens of the texts in 'x'"):
        STEPS.fit(pl.Series("x", ["\u5929\u6c14", "\u6c14"]), Features(tokenizer=str(tmp_path)))


@pytest.mark.parametrize("damaged", [{"tokens": 0}, {"tokens": 9}, {"each": 9}, {"sha256": "0"}, {"more": 1}])
def test_a_state_that_fitting_never_gives_is_refused(damaged: dict[str, object], tmp_path: Path):
    tokenizer(tmp_path, "WordPiece")
    state = STEPS.fit(pl.Series("x", TEXTS), Features(tokenizer=str(tmp_path)))
    with pytest.raises(BundleError):
        STEPS.check(State({**state.values, **damaged}, state.arrays))
    with pytest.raises(BundleError):
        STEPS.check(State(state.values))
