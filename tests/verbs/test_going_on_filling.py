"""Encoders that go on filling hidden tokens of raw text (`--task masked-lm --from MODEL`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

import luban
from luban.bundle.bundle import rebuild_form
from luban.core import registry
from luban.core.errors import BundleError, DataError, UsageError
from luban.origins import naming
from luban.protocols import Shape, Work
from luban.verbs.bundle import Bundle
from luban.verbs.verify import verify
from origins import speaking, tiny
from verbs.test_pretraining import SMALL
from verbs.test_pretraining import texts as sentences

SET = {"train.epochs": 6, "train.learning_rate": 2e-3}
TEXTS = pl.DataFrame({"text": [text * 4 for text in tiny.texts(60)["headline"]]})


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_filling(tmp_path_factory.mktemp("reader") / "bert")


@pytest.fixture(scope="module")
def continued(reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("continued") / "news.luban"
    return luban.fit(TEXTS, task="masked-lm", from_=str(reader), set={**SET, "model.pretrained-masked.tune": "lora",
                     "model.pretrained-masked.whole_words": True}, out=place)  # fmt: skip


def figures(bundle: Bundle) -> dict[str, Any]:
    return {each.name: each for each in bundle.measurements}


def test_hidden_tokens_of_other_documents_cost_less_than_before(continued: Bundle) -> None:
    found = figures(continued)
    assert list(found) == ["perplexity", "fill-accuracy"]
    assert {each.baseline.model for each in found.values()} == {"untouched"}
    assert found["perplexity"].difference.high < 0
    (beside,) = continued.stored.evidence["evaluation"]["beside"]
    assert beside["baseline"]["model"] == "pretrained-masked"
    assert "(masked-trigram)" in continued.stored.evidence["evaluation"]["chosen"]["reason"]
    assert verify(continued, TEXTS).met


def test_the_folder_fills_as_the_bundle_does(continued: Bundle) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = Path(continued.path) / "model"
    network, told = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    ids = AutoTokenizer.from_pretrained(folder)("the goal of the team", return_tensors="pt")["input_ids"]
    assert ids[0, [0, -1]].tolist() == [2, 3]
    hidden = ids.clone()
    hidden[0, 2] = 4
    form: Any = rebuild_form(continued.stored)
    ours = torch.tensor([[2, 5 + int(ids[0, 1]), 4, *(5 + ids[0, 3:-1]).tolist(), 3]])
    with torch.no_grad():
        said = torch.log_softmax(network.eval()(input_ids=hidden).logits[0, 2], dim=0)[ids[0, 2]].item()
        nats, _ = form.module.scores(ours, ours >= 0, ours == 4, ids[0, 2:3] + 5)
    assert nats.item() == pytest.approx(-said, rel=1e-5)


def test_labels_are_learned_from_its_bundle_and_more_texts(continued: Bundle, tmp_path: Path) -> None:
    table = pl.DataFrame(tiny.texts(80, seed=4))
    asked = {"train.epochs": 1}
    labelled = luban.fit(
        table, "topic", from_=str(continued.path), model="pretrained-text", set=asked, out=tmp_path / "topics.luban"
    )
    assert any(one.model == "pretrained-text" for one in labelled.recipe.model.candidates)
    further = luban.fit(TEXTS, task="masked-lm", from_=str(continued.path), set=SET, out=tmp_path / "further.luban")
    before = figures(further)["perplexity"].baseline.value
    assert before == pytest.approx(figures(continued)["perplexity"].value, rel=1e-5)


def test_an_encoder_without_a_head_and_a_bundle_of_its_own_go_on(tmp_path: Path) -> None:
    bare = luban.fit(
        TEXTS, task="masked-lm", from_=str(tiny.write(tmp_path / "bare")), set=SET, out=tmp_path / "a.luban"
    )
    assert figures(bare)["perplexity"].difference.high < 0
    small = {key.replace("gpt", "bert"): value for key, value in SMALL.items()} | {"train.epochs": 3}
    table = pl.DataFrame({"text": sentences(40)})
    own = luban.fit(table, task="masked-lm", set=small, out=tmp_path / "own.luban")
    found = luban.fit(table, task="masked-lm", from_=str(own.path), set=SET, out=tmp_path / "on.luban")
    assert figures(found)["perplexity"].difference.high < 0
    # Its tokens have other numbers by now, by which other ones are hidden; of the same ones it says the same.
    origin, model = naming.find(str(own.path)), registry.find("models", "pretrained-masked")
    rows = own.answerer.preprocessor.transform(table[:1]).parts["text"].values.tolist()[:14]
    shape = Shape("tokens", (origin.config["vocab_size"] + 5,))
    settings = model.Settings(origin=origin.settings())
    module = model.build(Work("masked-lm", 1, 4, 0, shapes={"text": shape}), settings)
    model.begin(module, settings)
    chosen = torch.tensor([[False, False, True] + [False] * 11])
    shown = torch.tensor([rows]).masked_fill(chosen, 4)
    before: Any = rebuild_form(own.stored)
    with torch.no_grad():
        own_words = before.module.scores(shown, shown >= 0, chosen, torch.tensor(rows[2:3]))[0].item()
        moved = torch.where(shown < 5, shown, shown + 5)
        same = module.eval().scores(moved, shown >= 0, chosen, torch.tensor(rows[2:3]) + 5)[0].item()
    assert same == pytest.approx(own_words, rel=1e-4)


def refused(origin: Path, tmp_path: Path, **asked: Any) -> Any:
    with pytest.raises((UsageError, BundleError, DataError)) as error:
        luban.fit(TEXTS, task="masked-lm", from_=str(origin), out=tmp_path / "x.luban", **asked)
    return error.value


def test_what_does_not_fit_is_named_with_its_cure(reader: Path, tmp_path: Path) -> None:
    long = refused(reader, tmp_path, set={"model.pretrained-masked.context": 100})
    assert long.fix == "--set model.pretrained-masked.context=64"
    assert "bert does not begin from" in refused(reader, tmp_path, model="bert").message
    writer = refused(speaking.write(tmp_path / "llama"), tmp_path)
    assert "its kind is 'llama'" in writer.message and "causal-lm" in writer.fix
    assert "asked what it remembers" in refused(reader, tmp_path, remember=TEXTS).message
    apart = tiny.write_filling(tmp_path / "apart", "bert", tie_word_embeddings=False)
    assert "another one than its embedding" in str(refused(apart, tmp_path).message)
    told = (reader / "tokenizer_config.json").read_text()
    maskless = tiny.write_filling(tmp_path / "maskless")
    (maskless / "tokenizer_config.json").write_text(told.replace('"mask_token"', '"no_token"'))
    assert "no token that stands for a hidden one" in refused(maskless, tmp_path).message
