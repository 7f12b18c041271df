"""Language models that are learned from raw text: files, folders and columns; the folder that other programs read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import luban
from explained_again import explained_again
from luban.bundle.bundle import rebuild_form
from luban.core import registry
from luban.core.errors import BundleError, DataError, UsageError
from luban.data.open import open_dataset
from luban.models._pretrained_encoder import PretrainedEncoder
from luban.origins import naming
from luban.protocols import Work
from luban.recipe.recipe import Features
from luban.verbs.bundle import Bundle
from luban.verbs.generate import generate
from verbs.program import luban as program

SMALL = {
    "features.vocabulary": 320,
    "model.gpt.width": 16,
    "model.gpt.layers": 2,
    "model.gpt.heads": 2,
    "model.gpt.context": 16,
    "train.epochs": 30,
    "train.batch_size": 32,
    "train.learning_rate": 0.01,
}
ANIMALS = ("cat", "dog", "old goat", "horse", "small bird")
PLACES = ("on the mat", "in the house", "under a tree", "behind the wall")


def texts(count: int = 24, seed: int = 0) -> list[str]:
    """Documents of a few sentences with a grammar of their own."""
    random = np.random.default_rng(seed)

    def sentence() -> str:
        return f"The {random.choice(ANIMALS)} sat {random.choice(PLACES)} at {random.integers(1, 12)} o'clock."

    return [" ".join(sentence() for _ in range(random.integers(3, 9))) for _ in range(count)]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model of a folder of files."""
    folder = tmp_path_factory.mktemp("texts")
    for number, text in enumerate(texts()):
        (folder / f"{number:02d}.txt").write_text(text, encoding="utf-8")
    return luban.fit(folder, task="causal-lm", set=SMALL, out=folder.with_suffix(".luban"))


@pytest.fixture(scope="module")
def filling(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model that fills hidden tokens."""
    small = {key.replace("gpt", "bert"): value for key, value in SMALL.items()} | {"model.bert.whole_words": True}
    table = pl.DataFrame({"text": texts()})
    return luban.fit(table, task="masked-lm", set=small, out=tmp_path_factory.mktemp("bert") / "bert.luban")


def figures(bundle: Bundle) -> dict[str, Any]:
    return {each.name: each for each in bundle.measurements}


def test_it_goes_on_with_a_text_as_transformers_does(pretrained: Bundle) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(pretrained.path) / "model"
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    asked = tokenizer("The cat", return_tensors="pt")["input_ids"]
    theirs = network.generate(asked, max_new_tokens=6, do_sample=False)[0, asked.shape[1] :]
    found = generate(str(pretrained.path), "The cat", max_tokens=6)
    assert found.text == tokenizer.decode(theirs, skip_special_tokens=True)
    assert found.document["prompt_tokens"] == asked.shape[1]


def test_a_bundle_that_was_changed_neither_writes_nor_is_begun_from(pretrained: Bundle, tmp_path: Path) -> None:
    place = tmp_path / "changed.luban"
    shutil.copytree(pretrained.path, place)
    config = place / "model" / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace("false", "true ", 1), encoding="utf-8")
    with pytest.raises(BundleError, match="sha256 is not the manifest's"):
        generate(str(place), "The cat")
    table = pl.DataFrame({"text": texts(20), "kind": ["a", "b"] * 10})
    with pytest.raises(BundleError, match="sha256 is not the manifest's"):
        luban.fit(table, "kind", from_=str(place), out=tmp_path / "other.luban")


def test_documents_are_held_out_and_measured_with_an_interval_beside_counts(pretrained: Bundle) -> None:
    found = figures(pretrained)
    assert list(found) == ["bits-per-byte", "perplexity"]
    for each in found.values():
        assert each.low < each.value < each.high
        assert (each.rows, each.split) == (5, "test")
        assert each.baseline.model == "kneser-ney" and each.difference is not None
    # Bytes are not counted in tokens: both figures are of the same sum.
    corpus = pretrained.stored.evidence["evaluation"]["corpus"]
    nats = np.log(found["perplexity"].value) * (corpus["test_tokens"] - 5)
    assert found["bits-per-byte"].value == pytest.approx(nats / np.log(2) / corpus["test_bytes"])


def test_it_learned_something(pretrained: Bundle) -> None:
    corpus = pretrained.stored.evidence["evaluation"]["corpus"]
    assert figures(pretrained)["perplexity"].value < 0.5 * corpus["vocabulary"]


def test_the_folder_of_the_model_opens_with_transformers_and_says_the_same(pretrained: Bundle) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = pretrained.path / "model"
    model, loaded = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not loaded["missing_keys"] and not loaded["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "The old goat sat — under a tree: 天气."
    ids = tokenizer(text)["input_ids"]
    rows = pretrained.answerer.preprocessor.transform(pl.DataFrame({"text": [text]}))
    ours = rows.parts["text"].values.tolist()
    # One that goes on has no end.
    assert [*ids, 3] == ours
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text
    with torch.no_grad():
        short = torch.tensor([ours[:15]])
        said = torch.log_softmax(model(short).logits[0, :-1], dim=1).gather(1, short[0, 1:, None]).sum().item()
    form: Any = rebuild_form(pretrained.stored)
    own = form.module.scores(short, torch.ones(1, 14, dtype=torch.bool)).sum().item()
    assert -said == pytest.approx(own, rel=1e-5)


def test_new_documents_are_answered_and_measured(pretrained: Bundle, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for number, text in enumerate([*texts(3, seed=9), "zq xj 0042 ~~ #"]):
        (tmp_path / "new" / f"{number}.txt").write_text(text, encoding="utf-8")
    answers = luban.load(pretrained.path).evaluate(tmp_path / "new")
    assert {each.name: each.rows for each in answers} == {"bits-per-byte": 4, "perplexity": 4}
    said = program("predict", pretrained.path, tmp_path / "new", "--json")
    known, strange = [row["prediction"] for row in said.document["predictions"]][::3]
    assert strange > 2 * known > 2


def test_a_bundle_is_verified_on_its_own_documents(pretrained: Bundle) -> None:
    assert program("verify", pretrained.path, pretrained.path.with_suffix("")).code == 0


def test_the_same_recipe_gives_the_same_bundle(pretrained: Bundle, tmp_path: Path) -> None:
    folder = pretrained.path.with_suffix("")
    again = luban.fit(folder, recipe=pretrained.recipe, out=tmp_path / "again.luban")
    assert again.content_sha256 == pretrained.content_sha256


def test_a_column_and_a_file_with_empty_lines_are_documents_too(tmp_path: Path) -> None:
    some = texts(20)
    place = tmp_path / "book.txt"
    place.write_text("\n\n".join(some) + "\n\n \n", encoding="utf-8")
    assert open_dataset(place, documents=True).frame.collect()["text"].to_list() == some
    table = pl.DataFrame({"id": list(range(20)), "body": some, "size": [len(text) for text in some]})
    quick = {**SMALL, "train.epochs": 1}
    one = luban.fit(table, task="causal-lm", set=quick, out=tmp_path / "table.luban")
    other = luban.fit(place, task="causal-lm", set=quick, out=tmp_path / "book.luban")
    assert [column.name for column in one.schema.inputs] == ["body"]
    assert figures(one)["perplexity"].value == pytest.approx(figures(other)["perplexity"].value, rel=1e-6)


def test_a_tokenizer_that_is_given_keeps_its_pieces_behind_the_marks(pretrained: Bundle, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    shutil.copy(pretrained.path / "model" / "tokenizer.json", tmp_path / "tokenizer.json")
    given = {**SMALL, "train.epochs": 1, "features.tokenizer": str(tmp_path / "tokenizer.json")}
    table = pl.DataFrame({"text": texts(20)})
    found = luban.fit(table, task="causal-lm", set=given, out=tmp_path / "given.luban")
    text = "The cat sat on the mat"
    ours = found.answerer.preprocessor.transform(pl.DataFrame({"text": [text]})).parts["text"].values.tolist()
    tokenizer = AutoTokenizer.from_pretrained(found.path / "model")
    assert [*tokenizer(text)["input_ids"], 3] == ours
    config = json.loads((found.path / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["vocab_size"] == 320 + 5


@pytest.mark.parametrize(
    ("data", "fields", "error", "message"),
    [
        ({"text": ["", " ", "\n"] * 8}, {}, DataError, "all texts to learn from are empty"),
        ({"text": texts(20), "other": texts(20, seed=3)}, {}, UsageError, "2 columns hold texts"),
        ({"size": list(range(20))}, {}, UsageError, "no column holds texts"),
        ({"text": texts(1)}, {}, UsageError, "'text' holds one document; whole documents are held out"),
        ({"text": texts(20)}, {"model": "gpt,kneser-ney"}, UsageError, "one language model is trained at a time"),
        ({"text": texts(20)}, {"model": "cnn"}, UsageError, "does not do causal-lm"),
        ({"text": texts(20)}, {"set": {"model.gpt.heads": 3}}, Exception, "no multiple of twice its 3 heads"),
        ({"text": texts(20)}, {"set": {"model.gpt.parameters": 10_000}}, Exception, "too few"),
    ],
)
def test_bad_input_is_told(data: Any, fields: Any, error: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message) as told:
        luban.fit(pl.DataFrame(data), task="causal-lm", **{"set": SMALL, **fields}, out=tmp_path / "x.luban")
    assert len(str(told.value).splitlines()) <= 8


def test_a_folder_of_empty_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(12):
        (tmp_path / "texts" / f"{number}.txt").write_text(" \n", encoding="utf-8")
    with pytest.raises(DataError, match="the texts are empty"):
        luban.fit(tmp_path / "texts", task="causal-lm", out=tmp_path / "x.luban")


def test_a_tokenizer_that_knows_nothing_of_the_texts_is_refused(tmp_path: Path) -> None:
    words = {"[UNK]": 0, "сова": 1}
    content = {"model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}}
    content["pre_tokenizer"] = {"type": "Whitespace"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    given = {**SMALL, "features.tokenizer": str(tmp_path / "tokenizer.json")}
    with pytest.raises(UsageError, match=r"the tokenizer knows 0 of the"):
        luban.fit(pl.DataFrame({"text": texts(20)}), task="causal-lm", set=given, out=tmp_path / "x.luban")


def test_hidden_tokens_are_filled_beside_counts_of_neighbours(filling: Bundle) -> None:
    found = figures(filling)
    assert list(found) == ["perplexity", "fill-accuracy"]
    for each in found.values():
        assert each.low < each.value < each.high
        assert each.baseline.model == "masked-trigram"
    assert found["perplexity"].value < 320 / 4
    assert program("verify", filling.path, "--help").code == 0


def test_a_model_that_fills_opens_with_transformers_and_says_the_same(filling: Bundle) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model, loaded = AutoModelForMaskedLM.from_pretrained(filling.path / "model", output_loading_info=True)
    assert not loaded["missing_keys"] and not loaded["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(filling.path / "model")
    ids = tokenizer("The cat sat on the mat")["input_ids"]
    assert (ids[0], ids[-1], tokenizer.mask_token_id) == (2, 3, 4)
    shown, chosen = torch.tensor([ids]), torch.zeros(1, len(ids), dtype=torch.bool)
    chosen[0, 3], shown[0, 3] = True, 4
    form: Any = rebuild_form(filling.stored)
    each, _ = form.module.scores(shown, torch.ones_like(chosen), chosen, torch.tensor([ids[3]]))
    with torch.no_grad():
        said = torch.log_softmax(model(shown).logits[0, 3], dim=0)[ids[3]].item()
    assert -said == pytest.approx(each.item(), rel=1e-4)


def test_a_model_that_fills_begins_from_counts_and_its_recipe_repeats_it(filling: Bundle, tmp_path: Path) -> None:
    assert filling.recipe.model.candidates[0].settings["begins"] == "counts"
    again = luban.fit(pl.DataFrame({"text": texts()}), recipe=filling.recipe, out=tmp_path / "again.luban")
    assert again.content_sha256 == filling.content_sha256


def test_a_classifier_begins_from_a_model_that_fills(
    filling: Bundle, pretrained: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    origin = naming.find(str(filling.path))
    assert origin.marks == (0, 1, 2, 3, 4)
    model = registry.find("models", "pretrained-text")
    settings = model.Settings(origin=origin.settings())
    features = Features(tokenizer=str(origin.tokenizer), longest=16)
    text = registry.find("features", "text").tensor
    state = text.fit(pl.Series(texts(4)), features)
    module = model.build(Work("binary", 2, 9, 0, shapes={"text": text.shape(state)}), settings)
    model.begin(module, settings)
    encoder = next(part for part in module.modules() if isinstance(part, PretrainedEncoder)).eval()
    tokens = text.encode(pl.Series(["The cat sat on the mat"]), state)
    ours = filling.answerer.preprocessor.transform(pl.DataFrame({"text": ["The cat sat on the mat"]})).parts["text"]
    # A tokenizer that is given stands behind the marks of luban, of which the text has two.
    assert (tokens.values[1:-1] - 5).tolist() == ours.values[1:-1].tolist()
    form: Any = rebuild_form(filling.stored)
    with torch.no_grad():
        read = encoder.states(torch.from_numpy(tokens.values)[None], torch.tensor([len(tokens.values)]))
        known = form.module.states(torch.from_numpy(ours.values).long()[None])
    assert torch.allclose(read, known, atol=1e-5)
    with pytest.raises(UsageError, match="lfm2"):
        naming.find(str(pretrained.path))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no language model"):
        naming.find(str(tmp_path / "other"))


def test_a_context_longer_than_the_model_is_refused(filling: Bundle, tmp_path: Path) -> None:
    table = pl.DataFrame({"text": texts(20), "kind": ["a", "b"] * 10})
    with pytest.raises(UsageError, match=r"17.*16") as told:
        luban.fit(table, "kind", from_=str(filling.path), set={"features.longest": 17}, out=tmp_path / "long.luban")
    assert told.value.fix


def test_where_the_time_is_too_short_the_counts_answer(tmp_path: Path) -> None:
    large = {"features.vocabulary": 320, "model.gpt.width": 256, "model.gpt.layers": 12, "train.epochs": 1000}
    table = pl.DataFrame({"text": texts(30)})
    found = luban.fit(table, task="causal-lm", set=large, time=1, out=tmp_path / "late.luban")
    assert found.stored.form_kind == "kneser-ney"
    (late,) = found.stored.evidence["search"]["candidates"]
    assert (late["model"], late["status"]) == ("gpt", "skipped")
    assert not (found.path / "model" / "config.json").exists()
    assert figures(found)["bits-per-byte"].value < 4


@pytest.mark.slow
def test_time_plans_the_steps_and_the_recipe_repeats_them_without_a_clock(tmp_path: Path) -> None:
    table = pl.DataFrame({"text": texts(400)})
    small = {key: value for key, value in SMALL.items() if key != "train.epochs"} | {"train.batch_size": 8}
    for seconds in (8, 16, 32, 64):
        out = tmp_path / f"in-{seconds}.luban"
        first = luban.fit(table, task="causal-lm", set=small, time=seconds, threads=1, out=out)
        (candidate,) = first.stored.recipe.model.candidates or ()
        # A busy machine may be half through its steps only when time is over.
        if "later" in candidate.train:
            break
    (change,) = candidate.train["later"]
    assert 0 < change["step"] < change["steps"] != candidate.train["steps"]
    assert candidate.train["optimizer"] == "muon" and candidate.train["schedule"] == "trapezoid"
    told = [line for line in first.stored.history if "planned" in line]
    assert [(line["at"], line["planned"]) for line in told] == [(change["step"], change["steps"])]
    again = luban.fit(table, recipe=first.path / "recipe.yaml", threads=1, out=tmp_path / "again.luban")
    assert again.content_sha256 == first.content_sha256


def test_counts_answer_where_time_is_too_short_and_it_is_said(tmp_path: Path) -> None:
    table = pl.DataFrame({"text": texts(30)})
    bundle = luban.fit(table, task="causal-lm", set={"model.gpt.size": "base"}, time=1, out=tmp_path / "few.luban")
    chosen = bundle.stored.evidence["evaluation"]["chosen"]
    assert chosen["label"] == "kneser-ney"
    assert "time was over" in chosen["reason"] and "more --time" in chosen["reason"]


def test_texts_are_explained_after_reload_as_before(pretrained: Bundle, filling: Bundle) -> None:
    for model in (pretrained, filling):
        explained_again(model, pl.DataFrame({"text": ["The cat sat on the mat at 7 o'clock.", "The old goat sat"]}))
