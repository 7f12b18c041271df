"""Language models that go on learning from raw text (`--task causal-lm --from MODEL`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import luban
from luban.core.errors import BundleError, DataError, UsageError
from luban.origins import causal
from luban.verbs.bundle import Bundle
from luban.verbs.generate import generate
from luban.verbs.verify import verify
from origins import speaking
from origins import tiny as readers
from verbs.test_chats import rows as chats
from verbs.test_pretraining import SMALL, texts

SET = {"train.epochs": 4, "train.learning_rate": 1e-3, "model.pretrained-causal.context": 32}
TEXTS = pl.DataFrame({"text": texts(40)})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speaking.write(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="module")
def continued(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    asked = {**SET, "model.pretrained-causal.adapter": "lora"}
    place = tmp_path_factory.mktemp("continued") / "animals.luban"
    return luban.fit(TEXTS, task="causal-lm", from_=str(tiny), set=asked, out=place)


def figures(bundle: Bundle) -> dict[str, Any]:
    return {each.name: each for each in bundle.measurements}


def test_held_out_documents_cost_less_than_before(continued: Bundle) -> None:
    found = figures(continued)
    assert list(found) == ["bits-per-byte", "perplexity", "text-loss"]
    for name in ("bits-per-byte", "perplexity"):
        each = found[name]
        assert (each.rows, each.split, each.baseline.model) == (8, "test", "untouched")
        assert each.low < each.value < each.high
        assert each.difference.high < 0


def test_counts_of_the_same_tokens_stand_beside_it(continued: Bundle) -> None:
    evaluation = continued.stored.evidence["evaluation"]
    (beside,) = evaluation["beside"]
    assert beside["baseline"] == {"model": "pretrained-causal", "value": figures(continued)["bits-per-byte"].value}
    assert beside["difference"]["low"] <= beside["value"] - beside["baseline"]["value"] <= beside["difference"]["high"]
    assert [line["model"] for line in evaluation["candidates"]] == ["pretrained-causal", "kneser-ney"]
    assert "counts of the same tokens (kneser-ney) have" in evaluation["chosen"]["reason"]
    # They are those of a fresh model on these tokens.
    rows = continued.answerer.preprocessor.transform(TEXTS)
    assert evaluation["corpus"]["vocabulary"] > rows.parts["text"].values.max()


def test_the_folder_says_what_was_measured_and_keeps_the_template_of_chats(continued: Bundle, tiny: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(continued.path) / "model"
    network, told = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == causal.opened(tiny).template
    # As long as what is read at once: the figure is of windows.
    others = [text[:25] for text in texts(5, seed=9)]
    nats, tokens = 0.0, 0
    for text in others:
        ids = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
        assert ids[0] == tokenizer.bos_token_id
        with torch.inference_mode():
            said = torch.log_softmax(network(torch.tensor([ids])).logits[0, :-1], dim=1)
        nats += float(-said.gather(1, torch.tensor(ids)[1:, None]).sum())
        tokens += len(ids) - 1
    found = {each.name: each for each in continued.evaluate(pl.DataFrame({"text": others}))}
    assert np.log(found["perplexity"].value) == pytest.approx(nats / tokens, rel=1e-5)


def test_it_goes_on_with_a_text_as_transformers_does(continued: Bundle) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(continued.path) / "model"
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    asked = tokenizer("The cat", return_tensors="pt")["input_ids"]
    theirs = network.generate(asked, max_new_tokens=6, do_sample=False)[0, asked.shape[1] :]
    found = generate(str(continued.path), "The cat", max_tokens=6)
    assert found.text == tokenizer.decode(theirs, skip_special_tokens=True)


def test_its_figures_can_be_had_again(continued: Bundle) -> None:
    assert verify(continued, TEXTS).met


def test_from_its_bundle_chats_are_learned_and_more_texts(continued: Bundle, tmp_path: Path) -> None:
    asked = {"train.epochs": 1, "model.pretrained-causal.adapter": "lora"}
    talking = luban.fit(chats(24), task="chat", from_=str(continued.path), set=asked, out=tmp_path / "talking.luban")
    assert figures(talking)["answer-loss"].baseline.model == "untouched"
    assert isinstance(generate(str(talking.path), "to Ulm?", chat=True, max_tokens=3).text, str)
    further = luban.fit(TEXTS, task="causal-lm", from_=str(continued.path), set=SET, out=tmp_path / "further.luban")
    # What it was before is what the first one became.
    before = figures(further)["bits-per-byte"].baseline.value
    assert before == pytest.approx(figures(continued)["bits-per-byte"].value, rel=1e-5)


def test_a_model_of_its_own_goes_on(tmp_path: Path) -> None:
    own = luban.fit(TEXTS, task="causal-lm", set={**SMALL, "train.epochs": 5}, out=tmp_path / "own.luban")
    others = pl.DataFrame({"text": [text.replace("sat", "slept") for text in texts(40, seed=3)]})
    asked = {"train.epochs": 6, "train.learning_rate": 5e-3}
    found = luban.fit(others, task="causal-lm", from_=str(own.path), set=asked, out=tmp_path / "on.luban")
    each = figures(found)["bits-per-byte"]
    assert each.baseline.model == "untouched" and each.difference.high < 0
    settings = found.recipe.model.candidates[0].settings
    assert settings["adapter"] == "full" and settings["context"] == 16
    assert isinstance(generate(str(found.path), "The old", max_tokens=4).text, str)


def test_a_text_that_a_person_names_is_measured_before_and_after(tiny: Path, tmp_path: Path) -> None:
    old = pl.DataFrame({"text": [text.upper() for text in texts(6, seed=5)]})
    found = luban.fit(
        TEXTS, task="causal-lm", from_=str(tiny), set={**SET, "train.epochs": 1}, remember=old, out=tmp_path / "a.luban"
    )
    figure = figures(found)["text-loss"]
    assert figure.split == "given" and figure.baseline.model == "untouched"
    assert "stretches of" in figure.how


def test_without_time_for_it_the_model_as_it_was_answers(tiny: Path, tmp_path: Path) -> None:
    found = luban.fit(TEXTS, task="causal-lm", from_=str(tiny), time=0.05, out=tmp_path / "a.luban")
    chosen = found.stored.evidence["evaluation"]["chosen"]
    assert chosen["label"].startswith("untouched") and "the model as it was answers" in chosen["reason"]
    assert isinstance(generate(str(found.path), "The cat", max_tokens=3).text, str)


@pytest.mark.parametrize("base", ["float32", "int8"])
def test_an_adapter_learns_beside_what_is_kept_in_8_bits_too(base: str, tiny: Path, tmp_path: Path) -> None:
    asked = {**SET, "model.pretrained-causal.base": base, "model.pretrained-causal.adapter": "lora"}
    found = luban.fit(TEXTS, task="causal-lm", from_=str(tiny), set=asked, out=tmp_path / "a.luban")
    assert figures(found)["bits-per-byte"].difference.high < 0
    assert found.recipe.model.candidates[0].settings["base"] == base


def refused(origin: Path | str, tmp_path: Path, table: pl.DataFrame = TEXTS, **asked: Any) -> Any:
    with pytest.raises((UsageError, BundleError, DataError)) as error:
        luban.fit(table, task="causal-lm", from_=str(origin), out=tmp_path / "a.luban", **asked)
    return error.value


def test_what_does_not_fit_is_named_with_its_cure(tiny: Path, tmp_path: Path) -> None:
    long = refused(tiny, tmp_path, set={"model.pretrained-causal.context": 128})
    assert "longer than the context of the model, 64" in long.message
    assert long.fix == "--set model.pretrained-causal.context=64"
    fresh = refused(tiny, tmp_path, model="gpt")
    assert "gpt does not begin from a language model" in fresh.message
    cut = refused(tiny, tmp_path, set={"features.tokenizer": "bpe"})
    assert "by its own tokenizer" in cut.message
    assert "all texts" in refused(tiny, tmp_path, pl.DataFrame({"text": ["", " "] * 10}, schema={"text": pl.String}),
                                  column={"text": "text"}).message  # fmt: skip


def test_a_model_of_another_kind_is_named_with_what_it_can_do(tmp_path: Path) -> None:
    reader = readers.write(tmp_path / "bert")
    error = refused(reader, tmp_path)
    assert "its kind is 'bert'" in error.message and "both directions" in error.fix


def test_a_folder_that_lacks_something_is_named(tmp_path: Path) -> None:
    folder = speaking.write(tmp_path / "llama")
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    assert "it has no tokenizer.json" in refused(folder, tmp_path).message
    (tmp_path / "tokenizer.json").rename(folder / "tokenizer.json")
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**told, "eos_token": None}))
    assert "which token ends a text" in refused(folder, tmp_path).message
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 100}))
    error = refused(folder, tmp_path)
    assert "its weights a row for 100" in error.message and "of one model" in error.fix
