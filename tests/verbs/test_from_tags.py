"""`--from` for tagging: each word has the state of its first token, and what was learned is a bundle like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from explained_again import explained_again
from luban.core.errors import UsageError
from luban.data.open import open_dataset
from luban.origins import naming
from luban.verbs.asking import recipe_of
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given
from origins import tiny
from verbs.program import luban as program

FEW: dict[str, Any] = {"train.epochs": 6, "train.learning_rate": 2e-3, "train.batch_size": 16}
SPORT, MARKET, NEITHER = tiny.WORDS[:5], tiny.WORDS[5:10], tiny.WORDS[10:]


def tagged(count: int, seed: int = 0, longest: int = 9) -> pl.DataFrame:
    """Rows of sport and of markets, whose words are tagged S and M; those of neither have the tag of the others."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        own, tag = ((SPORT, "S"), (MARKET, "M"))[number % 2]
        words = [str(word) for word in draw.choice([*own, *NEITHER], draw.integers(3, longest + 1))]
        rows.append((" ".join([str(draw.choice(own)), *words]), " ".join([tag] * (len(words) + 1))))
    return pl.DataFrame(rows, schema=["words", "tags"], orient="row")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tiny.write(tmp_path / "tiny")


def fit(origin: Path, data: pl.DataFrame, out: str = "it.luban", changes: Any = None, **others: Any) -> luban.Bundle:
    found: luban.Bundle = luban.fit(
        data, "tags", task="tagging", model="pretrained-text", from_=str(origin), set={**FEW, **(changes or {})},
        folds=2, out=out, repair="off", threads=1, **others,
    )  # fmt: skip
    return found


@pytest.mark.slow
def test_words_are_tagged_by_what_stands_around_them_and_the_bundle_is_like_any_other(folder: Path) -> None:
    from transformers import AutoModel

    made = fit(folder, tagged(240))
    first = made.measurements[0]
    assert first.metric == "token-accuracy" and first.baseline is not None
    assert first.value > first.baseline.value, "some words say nothing by themselves"
    assert made.stored.evidence["runtime"]["answers_by"] == "onnx"
    new = tagged(12, seed=5, longest=70)
    asked = pl.DataFrame({"words": [*new["words"], "", "goal \u2603 zebra"]})
    said = made.predict(asked)
    assert [len(tags) for tags in said] == [*(len(row.split()) for row in new["words"]), 0, 3]
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()
    again = luban.load(made.path)
    assert again.predict(asked).to_list() == said.to_list()
    with pytest.raises(UsageError, match="where this network looks up"):
        list(made.explain(new.select("words").head(1), method="integrated-gradients"))
    explained_again(made, new.select("words").head(2))
    origin = naming.find(str(made.path))
    moved = AutoModel.from_pretrained(Path(made.path) / "model")
    name = "encoder.layer.0.attention.self.query.weight"
    assert np.array_equal(origin.weights()[name], moved.state_dict()[name].numpy())
    next_one = fit(Path(made.path), tagged(80, seed=3), out="next.luban", changes={"train.epochs": 1})
    assert len(next_one.predict(asked)) == len(asked)


@pytest.mark.slow
@pytest.mark.parametrize("tune", ["head", "gradual", "lora"])
def test_what_learns_is_chosen_as_for_texts(folder: Path, tune: str) -> None:
    made = fit(folder, tagged(60), changes={"model.pretrained-text.tune": tune, "train.epochs": 1})
    assert made.predict(tagged(3, seed=9)).len() == 3


@pytest.mark.slow
def test_how_far_answers_in_int8_differ_is_told(folder: Path, tmp_path: Path) -> None:
    origin = tiny.write(tmp_path / "larger", hidden_size=64, intermediate_size=256)
    made = fit(origin, tagged(40), changes={"train.epochs": 1})
    tagged(5, seed=9).select("words").write_csv("new.csv")
    done = program("predict", str(made.path), "new.csv", "--precision", "int8")
    assert done.code == 0 and "no probability differs by more than" in done.err


@pytest.mark.slow
def test_a_column_of_lists_is_read_too(folder: Path) -> None:
    rows = tagged(60).with_columns(pl.col("words").str.split(" "), pl.col("tags").str.split(" "))
    made = fit(folder, rows, changes={"train.epochs": 1})
    assert [len(tags) for tags in made.predict(pl.DataFrame({"words": [["goal of"], [], ["a", ""]]}))] == [1, 0, 2]


def test_what_fine_tunes_competes_where_tags_are_recognised(folder: Path) -> None:
    asked = recipe_of(None, None, origin=str(folder), target="tags")
    assert asked.model.names == ("pretrained-features", "pretrained-text", "auto")
    prepared = prepare(open_dataset(tagged(60)), Given(), asked)
    assert prepared.task.name == "tagging" and "pretrained-features does not do that" in prepared.task_reason
    assert prepared.recipe.model.names == ("pretrained-text", "auto")
    named = recipe_of(None, None, origin=str(folder), target="tags", task="tagging")
    assert named.model.names == ("pretrained-text", "auto")


def test_words_in_another_language_than_the_tokenizer_are_refused(folder: Path) -> None:
    rows = pl.DataFrame(
        {"words": ["\u5929\u6c14 \u5f88 \u597d", "\u4eca\u5929 \u5929\u6c14"] * 30, "tags": ["a b c", "a c"] * 30}
    )
    with pytest.raises(UsageError, match="the tokenizer knows 0 of the"):
        fit(folder, rows)


def test_without_a_pretrained_model_it_is_told_what_is_missing(folder: Path) -> None:
    with pytest.raises(UsageError, match="--from"):
        luban.fit(tagged(60), "tags", task="tagging", model="pretrained-text", out="no.luban", threads=1)


def test_a_network_of_images_tags_no_words(folder: Path, tmp_path: Path) -> None:
    origin = tiny.write_images(tmp_path / "network")
    with pytest.raises(UsageError, match="no model that begins from a pretrained one does tagging"):
        recipe_of(None, None, origin=str(origin), target="tags", task="tagging")
