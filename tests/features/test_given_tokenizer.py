"""Tokenizers that a person gives: read as data, kept whole, bounded, and refused in words. And word pieces."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import luban
from luban.core.errors import BundleError, DataError, LubanError, UsageError
from luban.features import _given as given
from luban.features.text import feature, tokens
from luban.protocols import State
from luban.recipe.recipe import Features, Recipe

TEXTS = ["The weather in Ulm is good today.", "Das Wetter in Ulm ist heute gut.", "good food, bad weather"] * 4
VALUES = pl.Series("note", TEXTS)


def made(kind: str) -> Tokenizer:
    """A small tokenizer of each kind, trained on the texts."""
    marks = ["<pad>", "<unk>"]
    model, trainer = {
        "BPE": (models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=200, special_tokens=marks)),
        "WordPiece": (
            models.WordPiece(unk_token="<unk>"),
            trainers.WordPieceTrainer(vocab_size=90, special_tokens=marks),
        ),
        "WordLevel": (models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(special_tokens=marks)),
        "Unigram": (models.Unigram(), trainers.UnigramTrainer(vocab_size=60, unk_token="<unk>", special_tokens=marks)),
    }[kind]
    found = Tokenizer(model)
    found.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    found.pre_tokenizer = pre_tokenizers.Metaspace() if kind == "Unigram" else pre_tokenizers.Whitespace()
    found.decoder = decoders.Metaspace() if kind == "Unigram" else decoders.WordPiece()
    found.train_from_iterator(TEXTS, trainer)
    return found


def saved(folder: Path, tokenizer: Tokenizer) -> Path:
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("kind", ["BPE", "WordPiece", "WordLevel", "Unigram"])
def test_the_tokens_are_the_given_ones_behind_the_five_marks(kind, tmp_path):
    own = made(kind)
    settings = Features(tokenizer=str(saved(tmp_path, own)), longest=50)
    state = feature.tensor.fit(VALUES, settings)
    feature.tensor.check(state)
    row = feature.tensor.encode(VALUES[:1], state).values
    assert row[1:-1].tolist() == [number + 5 for number in own.encode(TEXTS[0], add_special_tokens=False).ids]
    assert (row[0], row[-1]) == (tokens.START, tokens.END)
    assert feature.tensor.shape(state).size == (5 + own.get_vocab_size(),)
    assert tokens.written(row, state).replace(" ", "") == TEXTS[0].lower().replace(" ", "")


def test_padding_and_cutting_of_the_file_change_nothing(tmp_path):
    own = made("WordPiece")
    plain = given.read(str(saved(tmp_path, own)))
    own.enable_padding(length=64)
    own.enable_truncation(2)
    assert given.read(str(saved(tmp_path, own))) == plain


def test_a_mark_that_is_written_in_a_text_stays_text(tmp_path):
    own = made("WordLevel")
    state = feature.tensor.fit(VALUES, Features(tokenizer=str(saved(tmp_path, own)), longest=50))
    row = feature.tensor.encode(pl.Series("note", ["<pad> good"]), state).values
    assert 5 + own.token_to_id("<pad>") not in row


def test_a_folder_and_the_file_in_it_are_the_same(tmp_path):
    saved(tmp_path, made("BPE"))
    assert given.read(str(tmp_path)) == given.read(str(tmp_path / "tokenizer.json"))


def _broken(change):
    document = json.loads(made("WordPiece").to_str())
    change(document)
    return json.dumps(document).encode()


def _set(*path, to):
    def change(document):
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return change


BAD = {
    "a pickle": (pickle.dumps({"vocab": [1]}), "pickle"),
    "an archive": (b"PK\x03\x04....", "archive"),
    "cut short": (b'{"model": {"type": "BPE"', "not JSON"),
    "a list": (b"[1, 2]", "no model"),
    "another model": (_broken(_set("model", "type", to="Neural")), "'Neural'"),
    "no vocabulary": (_broken(_set("model", "vocab", to=None)), "no vocabulary"),
    "a number without a row": (_broken(_set("model", "vocab", "good", to=2**31)), "numbers from 0"),
    "no word for the unknown": (_broken(_set("model", "unk_token", to="?!")), "'?!'".replace("?", r"\?")),
    "an unknown word that is no text": (_broken(_set("model", "unk_token", to=["<unk>"])), "no word for the unknown"),
    "parts that are no list": (
        _broken(_set("normalizer", to={"type": "Sequence", "normalizers": 5})), "normalizers must be a list",
    ),
    "growth by matches of nothing": (
        _broken(_set("normalizer", to={"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"Regex": "|"}, "content": "b"}] * 10})),
        "characters for one",
    ),
    "an unknown part": (_broken(_set("normalizer", to={"type": "Script", "code": "x"})), "'Script' is not known"),
    "endless growth": (
        _broken(_set("normalizer", to={"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100}] * 3})),
        "characters for one",
    ),
    "a long pattern": (
        _broken(_set("pre_tokenizer", to={"type": "Split", "pattern": {"Regex": "ab" * 2_000}})),
        "pattern of more than",
    ),
    "long words": (_broken(_set("model", "max_input_chars_per_word", to=10**9)), "words of more than"),
    "merges of nothing": (
        json.dumps({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}}).encode(), "does not take",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_tokenizer_is_refused_in_words(what, tmp_path):
    content, reason = BAD[what]
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(UsageError, match=reason) as refused:
        feature.tensor.fit(VALUES, Features(tokenizer=str(tmp_path)))
    assert "features.tokenizer" in str(refused.value) and len(str(refused.value)) < 600


@pytest.mark.parametrize("what", [name for name in BAD if name not in ("a pickle", "an archive")])
def test_the_same_is_refused_in_a_bundle(what):
    content = np.frombuffer(BAD[what][0], np.uint8)
    state = State({"longest": 9, "sha256": luban.core.fingerprint.of_bytes(BAD[what][0])}, {"tokenizer": content})
    with pytest.raises(BundleError):
        feature.tensor.check(state)


def test_a_file_that_is_not_there_and_a_folder_without_one(tmp_path):
    with pytest.raises(UsageError, match="no file is there"):
        given.read(str(tmp_path / "nowhere.json"))
    with pytest.raises(UsageError, match=r"holds no tokenizer\.json"):
        given.read(str(tmp_path))


def test_a_tokenizer_that_knows_nothing_of_the_texts_is_refused(tmp_path):
    settings = Features(tokenizer=str(saved(tmp_path, made("WordLevel"))))
    with pytest.raises(UsageError, match="knows 0 of the 40 tokens of the texts in 'note'"):
        feature.tensor.fit(pl.Series("note", ["质量 很好 服务 也 很好"] * 8), settings)


def test_the_tokenizer_of_a_bundle_is_the_one_of_its_fingerprint(tmp_path):
    state = feature.tensor.fit(VALUES, Features(tokenizer=str(saved(tmp_path, made("BPE")))))
    other = State({**state.values, "sha256": "0" * 64}, state.arrays)
    with pytest.raises(BundleError, match="not the one of its sha256"):
        feature.tensor.check(other)
    cut = State(state.values, {"tokenizer": state.arrays["tokenizer"].astype(np.int32)})
    with pytest.raises(BundleError, match="must be bytes"):
        feature.tensor.check(cut)


def test_a_recipe_keeps_the_content_and_no_path(tmp_path):
    path = saved(tmp_path, made("BPE"))
    kept = given.by_content(Recipe(features=Features(tokenizer=str(path))))
    assert kept.features.tokenizer.startswith("sha256:") and given.by_content(kept) == kept
    with pytest.raises(UsageError, match="by its content alone") as refused:
        feature.tensor.fit(VALUES, kept.features)
    assert refused.value.fix == "say where it lies: --set features.tokenizer=PATH"


@pytest.mark.slow
def test_a_bundle_opens_without_the_file_and_answers_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, made("WordPiece"))
    rows = {"note": [f"{text} {i % 7}" for i, text in enumerate(TEXTS * 10)], "good": ["yes", "yes", "no"] * 40}
    asked = {"features.tokenizer": str(path), "train.epochs": 1, "model.gru.units": 8}
    asked |= {"split.folds": 2, "train.repeats": 1}
    options = {"model": "gru", "out": "a.luban", "threads": 1, "repair": "off"}
    bundle = luban.fit(rows, "good", set=asked, **options)
    before = bundle.predict_proba(rows)
    path.rename(tmp_path / "elsewhere.json")
    again = luban.fit(rows, "good", set={**asked, "features.tokenizer": "elsewhere.json"}, **options)
    assert again.resumed and again.content_sha256 == bundle.content_sha256, "its content is what counts"
    (tmp_path / "elsewhere.json").unlink()
    assert np.array_equal(luban.load("a.luban").predict_proba(rows), before)
    assert str(tmp_path) not in (tmp_path / "a.luban" / "recipe.yaml").read_text()


def test_word_pieces_read_back_and_mark_what_they_never_saw():
    state = feature.tensor.fit(VALUES, Features(tokenizer="wordpiece", vocabulary=300, longest=40))
    feature.tensor.check(state)
    assert tokens.written(feature.tensor.encode(VALUES[:1], state).values, state) == "The weather in Ulm is good today."
    unseen = feature.tensor.encode(pl.Series("note", ["龘"]), state).values.tolist()
    assert unseen == [tokens.START, 5, tokens.END], "the first of its own numbers is the unknown"


def test_word_pieces_are_the_same_in_every_process():
    code = (
        "import polars as pl; from luban.features.text import feature; from luban.recipe.recipe import Features;"
        f"print(feature.tensor.fit(pl.Series('x', {TEXTS!r}), Features(tokenizer='wordpiece', vocabulary=300)).values)"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(runs) == 1


def test_a_message_is_short(tmp_path):
    with pytest.raises(LubanError) as refused:
        given.read("x" * 5_000)
    assert len(str(refused.value)) < 400


def test_a_pattern_that_does_not_come_to_an_end_is_told(tmp_path):
    own = made("BPE")
    own.pre_tokenizer = pre_tokenizers.Split(Regex(r"(a+)+$"), "isolated")
    settings = Features(tokenizer=str(saved(tmp_path, own)), longest=50)
    state = feature.tensor.fit(VALUES, settings)
    with pytest.raises(DataError, match="takes too long on a text"):
        feature.tensor.encode(pl.Series("note", ["a" * 60 + "b"]), state)
