"""Texts written for texts by an encoder-decoder that was pretrained (`--task sequence-to-sequence --from FOLDER`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import luban
from luban.core.errors import UsageError
from luban.verbs.asking import recipe_of
from luban.verbs.bundle import Bundle
from luban.verbs.verify import verify
from origins import rewriting, speaking, tiny
from verbs.program import luban as program

MODEL = "pretrained-sequence-to-sequence"
ROWS = pl.DataFrame(tiny.texts(60))
SET = {"train.epochs": 4, "train.learning_rate": 5e-3, f"model.{MODEL}.prefix": "title: "}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rewriting.write(tmp_path_factory.mktemp("tiny") / "t5", "t5-1.1", loud=False)


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("made") / "topics.luban"
    return luban.fit(
        ROWS, "topic", task="sequence-to-sequence", from_=str(folder), model=f"{MODEL},untouched", set=SET, folds=2,
        repair="off", threads=1, out=place,
    )  # fmt: skip


def test_it_stands_beside_the_simplest_model_and_beside_itself_as_it_was(made: Bundle) -> None:
    evaluation = made.stored.evidence["evaluation"]
    assert {line["model"] for line in evaluation["candidates"]} == {MODEL, "untouched", "medoid"}
    assert evaluation["chosen"]["label"].startswith(MODEL)
    figure = next(each for each in made.measurements if each.name == "chrf" and each.split == "test")
    assert figure.baseline.model == "medoid"
    (before,) = evaluation["beside"]
    assert before["baseline"] == {"model": MODEL, "value": figure.value} and before["difference"]["high"] < 0
    assert "as it was it has" in evaluation["chosen"]["reason"]
    assert verify(made, ROWS).met


def test_transformers_opens_it_and_writes_the_same(made: Bundle) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    place = Path(made.path) / "model"
    network, told = AutoModelForSeq2SeqLM.from_pretrained(place, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(place)
    others = tiny.texts(20)["headline"][::-1]
    read = tokenizer([f"title: {text}" for text in others], return_tensors="pt", padding=True)
    longest = made.answerer.outputs.form.longest if hasattr(made.answerer.outputs, "form") else 20
    theirs = tokenizer.batch_decode(network.generate(**read, max_new_tokens=longest), skip_special_tokens=True)
    found = list(luban.load(made.path).predict(pl.DataFrame({"headline": others})))
    assert found == theirs and set(found) <= {"sport", "business"}


def test_from_its_bundle_it_goes_on_with_its_prefix(made: Bundle, tmp_path: Path) -> None:
    recipe = recipe_of(None, None, origin=str(made.path), target="topic")
    assert (recipe.task, recipe.model.names) == ("sequence-to-sequence", (MODEL, "untouched", "auto"))
    own = recipe.model.settings()
    assert own[MODEL]["prefix"] == own["untouched"]["prefix"] == "title: "
    again = luban.fit(
        ROWS, "topic", from_=str(made.path), model="untouched", folds=2, repair="off", out=tmp_path / "again.luban"
    )
    assert {each["model"] for each in again.stored.evidence["evaluation"]["candidates"]} == {"untouched", "medoid"}
    assert list(again.predict(ROWS[:9])) == list(made.predict(ROWS[:9]))


def test_its_folder_may_go_once_it_is_made_and_int8_is_refused(made: Bundle, tmp_path: Path) -> None:
    import shutil

    folder = rewriting.write(tmp_path / "bart", "bart", loud=False)
    ROWS.write_csv(tmp_path / "pairs.csv")
    data, out = str(tmp_path / "pairs.csv"), str(tmp_path / "it.luban")
    done = program(
        "fit", data, "--target", "topic", "--task", "sequence-to-sequence", "--from", str(folder), "--model", MODEL,
        "--set", "train.epochs=1", "--set", f"model.{MODEL}.tune=lora", "--folds", "2", "--no-repair", "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.told
    assert "cc-by-nc-4.0: it forbids commercial use" in done.told
    shutil.rmtree(folder)
    assert program("predict", out, data).code == 0
    assert program("predict", out, data, "--precision", "int8").code == 2


@pytest.mark.parametrize(
    ("options", "changes", "reason", "cure"),
    [
        ({"task": "sequence-to-sequence"}, {"features.tokenizer": "bpe"}, "by its own tokenizer", "leave it out"),
        ({"task": "multiclass"}, {}, "does not do multiclass", "--task sequence-to-sequence"),
        ({"task": "chat"}, {}, "its kind is 't5'", "--task sequence-to-sequence"),
        ({"task": "causal-lm"}, {}, "its kind is 't5'", "--task sequence-to-sequence"),
    ],
)
def test_another_task_is_refused(
    folder: Path, options: dict[str, Any], changes: dict[str, Any], reason: str, cure: str
) -> None:
    with pytest.raises(UsageError, match=reason) as error:
        recipe_of(None, changes, origin=str(folder), target="topic", **options)
    assert cure in str(error.value.fix)


def test_texts_longer_than_it_reads_or_writes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    folder = str(rewriting.write(tmp_path / "marian", "marian"))
    asked = {"origin": folder, "target": "topic", "task": "sequence-to-sequence"}
    with pytest.raises(UsageError, match="longer than the 64 that the pretrained model reads"):
        recipe_of(None, {"features.longest": 65}, **asked)
    with pytest.raises(UsageError, match="longer than the 63 that the pretrained model writes"):
        recipe_of(None, {f"model.{MODEL}.longest": 64}, **asked)
    assert recipe_of(None, {}, **asked).features.longest == 64
    before = recipe_of(None, {f"model.{MODEL}.prefix": "sport"}, **asked).features.longest
    assert isinstance(before, int) and before < 64


def test_a_language_model_is_told_to_answer_chats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    folder = str(speaking.write(tmp_path / "llama"))
    with pytest.raises(UsageError, match="this is a language model, which answers") as error:
        recipe_of(None, None, origin=folder, target="topic", task="sequence-to-sequence")
    assert "luban fit DATA --target COLUMN --task chat" in str(error.value.fix)
    told = recipe_of(None, None, origin=folder, target="topic", task="chat")
    assert told.model.names == ("pretrained-causal",)
