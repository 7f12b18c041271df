"""What a language model forgot of raw text, by how it was adapted to chats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import luban
from luban.core import registry
from luban.core.deadline import Deadline
from luban.core.errors import DataError, UsageError
from luban.evidence.finding import Finding
from luban.evidence.measurement import Measurement
from luban.protocols import Form, Shape, State, Work
from luban.verbs import forgetting
from luban.verbs.bundle import Bundle
from origins import speaking
from verbs.test_chats import rows

WORDS = ("the", "in", "then", "there", "and", "tin", "hen")


def raw(count: int = 30) -> pl.DataFrame:
    random = np.random.default_rng(3)
    return pl.DataFrame({"text": [" ".join(random.choice(WORDS, 20)) for _ in range(count)]})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speaking.write(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="module")
def careful(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("careful") / "a.luban"
    asked = {"model.pretrained-causal.adapter": "lora", "train.epochs": 2, "train.learning_rate": 1e-4}
    return luban.fit(rows(), task="chat", from_=str(tiny), set=asked, remember=raw(), out=place)


@pytest.fixture(scope="module")
def reckless(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("reckless") / "a.luban"
    asked = {"model.pretrained-causal.adapter": "lora", "train.epochs": 12, "train.learning_rate": 1e-2}
    return luban.fit(rows(), task="chat", from_=str(tiny), set=asked, out=place)


def told(bundle: Bundle) -> tuple[Measurement, list[Finding]]:
    (figure,) = (each for each in bundle.measurements if each.name == "text-loss")
    return figure, [found for found in bundle.findings if found.condition == "catastrophic-forgetting"]


def test_a_careful_tuning_forgets_nothing(careful: Bundle) -> None:
    figure, found = told(careful)
    assert found == []
    assert abs(figure.difference.value) < 0.1
    assert "30 stretches" in figure.how
    assert figure.baseline.model == "untouched"


def test_a_tuning_with_a_rate_too_high_overwrites_what_the_model_wrote(reckless: Bundle) -> None:
    figure, (found,) = told(reckless)
    assert figure.difference.low > 0.5
    assert "that the model wrote itself before" in figure.how
    assert found.evidence.value == pytest.approx(figure.difference.value, abs=1e-9)
    assert [(edit.path, edit.after) for edit in found.edits] == [("train.learning_rate", pytest.approx(1e-3))]
    assert "text-loss" in {line["metric"] for line in reckless.to_json()["measurements"]}
    assert "raw texts that nothing was learned from" in (Path(reckless.path) / "report.html").read_text()


def test_the_loss_of_raw_text_is_that_of_transformers(careful: Bundle, tiny: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    figure, _ = told(careful)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    for folder, value in ((Path(careful.path) / "model", figure.value), (tiny, figure.baseline.value)):
        network, nats, tokens = AutoModelForCausalLM.from_pretrained(folder), 0.0, 0
        for text in raw()["text"].to_list():
            numbers = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"][: forgetting.LONGEST]])
            with torch.inference_mode():
                loss = network(input_ids=numbers, labels=numbers).loss
            nats, tokens = nats + float(loss) * (numbers.shape[1] - 1), tokens + numbers.shape[1] - 1
        assert value == pytest.approx(nats / tokens, rel=1e-4)


def form(tiny: Path, task: str = "chat") -> tuple[forgetting.Reader, Form, Any]:
    """A model as it was, and what reads raw text for it."""
    from luban.features.chat import feature
    from luban.origins import causal, naming
    from luban.recipe.recipe import Features

    origin = causal.find(str(tiny))
    naming.note(origin.sha256, origin.path)
    settings = Features(tokenizer=str(tiny / "tokenizer.json"), template=origin.template)
    state: State = feature.fit(pl.Series(["[]"]), settings)
    work = Work(task, 1, 2, 0, shapes={"chat": Shape("tokens", (4 * state.values["vocabulary"] + 1,), longest=128)})
    model = registry.find("models", "untouched")
    chosen = model.Settings(origin=origin.settings())
    return forgetting.Reader("chat", state, task), model.fit(None, work, chosen, seed=0, threads=1), origin


def test_models_of_preferences_are_read_as_those_of_chats(tiny: Path) -> None:
    found = []
    for task in ("chat", "preference"):
        reader, made, _ = form(tiny, task)
        pieces = tuple(np.arange(3, 3 + length) for length in (9, 12, 20))
        counted = reader.costs(made, forgetting.Text(pieces, np.arange(3), ""), Deadline.NEVER)
        assert counted is not None
        found.append(counted)
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[0][:, 1].tolist() == [8, 11, 19]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "lfm2"])
def test_what_a_model_writes_is_drawn_from_what_it_thinks(kind: str, tmp_path: Path) -> None:
    """The second token of many texts with the same first one, and the third as with nothing kept."""
    _, made, origin = form(speaking.write(tmp_path / kind, kind))
    first = torch.full((4_000,), 20)
    draw = torch.Generator().manual_seed(0)
    written = made.module.goes_on(first, origin.ends, draw)  # type: ignore[attr-defined]
    second, third = next(written), next(written)
    assert not set(origin.ends) & set(second.tolist())
    network = origin.network()
    with torch.inference_mode():
        logits = network(input_ids=torch.tensor([[20]])).logits[0, -1]
        logits[list(origin.ends)] = -torch.inf
        likely = logits.softmax(0)
        assert float((torch.bincount(second, minlength=len(likely)) / 4_000 - likely).abs().max()) < 0.04
        commonest = int(second.mode().values)
        after = network(input_ids=torch.tensor([[20, commonest]])).logits[0, -1]
        after[list(origin.ends)] = -torch.inf
    behind = third[second == commonest]
    shares = torch.bincount(behind, minlength=len(likely)) / len(behind)
    assert float((shares - after.softmax(0)).abs().max()) < 4 * 0.5 / len(behind) ** 0.5


def test_where_the_time_is_over_it_is_said_that_nobody_looked(tiny: Path) -> None:
    reader, made, origin = form(tiny)
    over = Deadline.after(0)
    assert forgetting.before(reader, made, origin.ends, None, over, 0) is None
    found = forgetting.after(reader, made, None, Deadline.NEVER, model="it", rate=1e-3, seed=0)
    assert found.not_run == (("catastrophic-forgetting", forgetting.LATE),)
    assert not found.measurements


def test_raw_text_is_of_language_models_alone_and_of_some_length(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only a language model that is begun from"):
        luban.fit(rows(), "answer", remember=raw(), out=tmp_path / "a.luban")
    asked = {"model.pretrained-causal.adapter": "lora", "train.epochs": 1}
    with pytest.raises(DataError, match="it has 0 stretches of 8 tokens") as error:
        short = pl.DataFrame({"text": ["a b", "c d"]})
        luban.fit(rows(20), task="chat", from_=str(tiny), set=asked, remember=short, out=tmp_path / "a.luban")
    assert error.value.fix == "name a longer text"
