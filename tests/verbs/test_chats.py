"""Language models that are adapted to chats: what is measured, what is saved, and what is said of odd chats."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import luban
from explained_again import explained_again
from luban.bundle.bundle import rebuild_form
from luban.core.errors import DataError, UsageError
from luban.origins import causal
from luban.runtime import continuing
from luban.verbs.bundle import Bundle
from luban.verbs.generate import generate
from luban.verbs.verify import verify
from origins import speaking

TOWNS = ("Ulm", "Bonn", "Kiel", "Trier")
SET = {"model.pretrained-causal.adapter": "lora", "train.epochs": 12, "train.learning_rate": 1e-3}


def rows(count: int = 60, seed: int = 0) -> pl.DataFrame:
    """Questions, each with a short answer that stands in it."""
    random = np.random.default_rng(seed)
    towns = random.choice(TOWNS, count)
    return pl.DataFrame(
        {"prompt": [f"the train {place} to {town}?" for place, town in enumerate(towns)],
         "answer": [f"in {town}" for town in towns]}
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speaking.write(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="module")
def adapted(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("adapted") / "towns.luban"
    return luban.fit(rows(), task="chat", from_=str(tiny), set=SET, out=place)


def figures(bundle: Bundle) -> dict[str, Any]:
    return {each.name: each for each in bundle.measurements if each.split == "test"}


def test_answers_that_are_held_out_cost_less_than_before(adapted: Bundle) -> None:
    found = figures(adapted)
    assert list(found) == ["answer-loss", "perplexity"]
    for each in found.values():
        assert each.low < each.value < each.high
        assert (each.rows, each.split) == (12, "test")
        assert each.baseline.model == "untouched"
        assert each.difference.high < 0
    assert found["perplexity"].value == pytest.approx(np.exp(found["answer-loss"].value))


def test_the_loss_is_that_of_transformers_over_the_tokens_of_the_answers(adapted: Bundle) -> None:
    """From the folder of the bundle, the template and the labels that the field uses."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(adapted.path) / "model"
    network, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    others = rows(9, seed=1)
    nats = tokens = 0.0
    for prompt, answer in others.iter_rows():
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        asked = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, return_dict=False)
        whole = tokenizer.apply_chat_template(turns, return_dict=False)
        labels = torch.tensor([-100] * len(asked) + whole[len(asked) :])
        labels[-1] = -100  # the end of the line behind the mark
        count = int((labels >= 0).sum())
        with torch.inference_mode():
            loss = network(input_ids=torch.tensor([whole]), labels=labels[None]).loss
        nats, tokens = nats + float(loss) * count, tokens + count
    found = {each.name: each for each in adapted.evaluate(others)}
    assert found["answer-loss"].value == pytest.approx(nats / tokens, rel=1e-4)


def test_the_bundle_writes_as_transformers_does_from_its_folder(adapted: Bundle) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(adapted.path) / "model"
    network, told = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    turns = [{"role": "user", "content": "the train 7 to Ulm?"}]
    asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    theirs = network.generate(**asked, max_new_tokens=8, do_sample=False)[0, asked["input_ids"].shape[1] :]
    ours = generate(str(adapted.path), "the train 7 to Ulm?", chat=True, max_tokens=8)
    assert ours.text == tokenizer.decode(theirs, skip_special_tokens=True)
    assert ours.document["prompt_tokens"] == asked["input_ids"].shape[1]


def test_what_is_saved_is_what_answers(adapted: Bundle) -> None:
    """The network of the form and the one of the folder write the same tokens, however often they are read."""
    network = causal.find(str(adapted.path)).network()

    def greedy() -> list[list[int]]:
        return [
            list(itertools.islice(continuing.tokens(network, range(3, 3 + length)), 12)) for length in (1, 5, 20)
        ]  # fmt: skip

    saved = greedy()
    network.model = rebuild_form(luban.load(adapted.path).stored).module.body
    assert greedy() == saved


def pairs(count: int = 80) -> pl.DataFrame:
    """Made here: of two short answers the one that names the town was chosen."""
    table = rows(count)
    rejected = [answer.replace("in", "the") for answer in table["answer"]]
    return table.rename({"answer": "chosen"}).with_columns(pl.Series("rejected", rejected))


def test_preferences_raise_the_margin_of_pairs_that_are_held_out(tiny: Path, tmp_path: Path) -> None:
    asked = {"train.epochs": 6, "train.learning_rate": 1e-3}
    made = luban.fit(pairs(), task="preference", from_=str(tiny), set=asked, out=tmp_path / "pairs.luban")
    found = figures(made)
    assert list(found) == ["preference-margin", "preference-accuracy"]
    for each in found.values():
        assert (each.rows, each.split, each.baseline.model) == (16, "test", "untouched")
        assert each.difference.low > 0
    assert found["preference-accuracy"].value == 1.0
    assert made.recipe.model.candidates[0].settings["adapter"] == "lora"
    # The folder is the one that was measured: the chosen answer is the likelier one for transformers too.
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(made.path) / "model"
    network, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    others = pairs(5)
    margins = []
    for prompt, chosen, rejected in others.iter_rows():
        costs = []
        for answer in (chosen, rejected):
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
            asked_for = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, return_dict=False)
            whole = tokenizer.apply_chat_template(turns, return_dict=False)[:-1]
            with torch.inference_mode():
                logits = network(input_ids=torch.tensor([whole])).logits.log_softmax(-1)[0]
            costs.append(float(sum(logits[at - 1, whole[at]] for at in range(len(asked_for), len(whole)))))
        margins.append(costs[0] - costs[1])
    assert made.predict(others).to_numpy() == pytest.approx(margins, abs=1e-3)


def test_preferences_need_an_adapter(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="preferences are learned by an adapter") as error:
        luban.fit(
            pairs(20), task="preference", from_=str(tiny), out=tmp_path / "a.luban",
            set={"model.pretrained-causal.adapter": "full"},
        )  # fmt: skip
    assert error.value.fix == "--set model.pretrained-causal.adapter=lora"


@pytest.mark.slow
def test_what_learns_is_told_with_its_reason(tiny: Path, adapted: Bundle, tmp_path: Path) -> None:
    found = luban.fit(rows(20), task="chat", from_=str(tiny), set={"train.epochs": 1}, out=tmp_path / "a.luban")
    told = [line for line in found.stored.history if "adapter" in line.get("choices", {})]
    assert [line["choices"]["adapter"] for line in told] == ["full"]
    assert "few enough to change all of them" in told[0]["reasons"]["adapter"]
    assert found.recipe.model.candidates[0].settings["adapter"] == "full"
    assert adapted.recipe.model.candidates[0].settings["adapter"] == "lora"


@pytest.mark.slow
def test_it_is_measured_again_and_fitted_again_from_its_recipe(adapted: Bundle, tiny: Path, tmp_path: Path) -> None:
    assert verify(adapted.path, rows()).met
    again = luban.fit(rows(), recipe=adapted.path, from_=str(tiny), out=tmp_path / "again.luban")
    assert again.content_sha256 == adapted.content_sha256


def test_the_doctor_has_nothing_against_adapters(adapted: Bundle) -> None:
    assert "constant-or-symmetric-init" not in {found.condition for found in adapted.findings}


@pytest.mark.slow
def test_a_bundle_of_chats_reads_the_columns_that_it_learned_from(tiny: Path, tmp_path: Path) -> None:
    named = rows(20).rename({"prompt": "en", "answer": "fr"})
    made = luban.fit(named, "fr", task="chat", from_=str(tiny), set={"train.epochs": 1}, out=tmp_path / "fr.luban")
    assert made.recipe.target == "fr"
    assert [each.rows for each in made.evaluate(named.head(7))] == [7, 7]
    assert all(value >= 1 for value in made.predict(named.head(3)))


def test_a_prompt_that_fills_the_context_is_named(tiny: Path, tmp_path: Path) -> None:
    long = pl.concat([rows(20), pl.DataFrame({"prompt": ["the " * 200], "answer": ["in"]})])
    with pytest.raises(DataError, match="its prompt fills the 64 tokens that are read of a chat") as error:
        luban.fit(long, task="chat", from_=str(tiny), out=tmp_path / "a.luban")
    assert str(error.value.where).endswith("row 20")
    with pytest.raises(UsageError, match="longer than the context of the model, 64"):
        luban.fit(long, task="chat", from_=str(tiny), set={"features.longest": 80}, out=tmp_path / "a.luban")


@pytest.mark.slow
def test_a_model_without_a_template_takes_one_that_is_set(tmp_path: Path) -> None:
    folder = speaking.write(tmp_path / "gpt2", "gpt2")
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<start>"}), encoding="utf-8")
    with pytest.raises(UsageError, match="no template of chats"):
        luban.fit(rows(20), task="chat", from_=str(folder), out=tmp_path / "a.luban")
    plain = "{% for m in messages %}{{ m.content }}{% if loop.index0 % 2 %}<end>{% else %}:{% endif %}{% endfor %}"
    made = luban.fit(
        rows(20), task="chat", from_=str(folder), out=tmp_path / "b.luban",
        set={"features.template": plain, "train.epochs": 1, "model.pretrained-causal.adapter": "dora"},
    )  # fmt: skip
    assert generate(str(made.path), "the train?", chat=True, max_tokens=3).document["prompt_tokens"] > 3


def test_without_a_language_model_it_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none is named") as error:
        luban.fit(rows(20), task="chat", out=tmp_path / "a.luban")
    assert error.value.fix == "begin from a language model: --from smollm2"


def test_an_answer_is_explained_after_reload_as_before(adapted: Bundle) -> None:
    explained_again(adapted, rows(2, seed=7))
