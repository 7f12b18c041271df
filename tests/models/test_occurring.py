"""Embeddings of which the words that occur learn: the same, step by step, as where all of them do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from luban import collate
from luban.batch import Array, Batch, Tensors
from luban.core.errors import Interrupted
from luban.features.text.tokens import Tokens
from luban.models import _lower_attention
from luban.models._occurring import Occurring, occurring
from luban.models._pretrained_encoder import PretrainedEncoder
from luban.origins import naming
from luban.protocols import Work
from luban.recipe.recipe import Candidate, Features, Train
from luban.training import beginning, gathering, gradient, optimizing, several
from luban.training.gathering import Rows
from luban.training.request import Asked
from origins import tiny

TABLE = "encoders.0.body.embeddings.word_embeddings.weight"
TRAIN = Train(epochs=2, learning_rate=0.01, batch_size=8, stopping=0.0, threads=1, device="cpu", precision="float32",
              augment={}, patience=1)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write(tmp_path / "tiny")


def described(folder: Path, **settings: Any) -> tuple[Candidate, Work, Tensors, Array]:
    written = tiny.texts(48)
    values = pl.Series("headline", written["headline"])
    state = Tokens().fit(values, Features(tokenizer=str(folder / "tokenizer.json"), longest=20))
    codes = (np.array(written["topic"]) == "sport").astype(np.int64)
    work = Work("binary", 2, 48, 0, shapes={"headline": Tokens().shape(state)})
    asked = {"origin": naming.find(str(folder)).settings(), "tune": "full", **settings}
    inputs = Tensors({"headline": Tokens().encode(values, state)})
    return Candidate(model="pretrained-text", settings=asked), work, inputs, codes


def rows_of(inputs: Tensors, codes: Array, work: Work, train: Train = TRAIN) -> Rows:
    return gathering.rows_of(Batch(inputs, codes), work, several.task_of(work), train, 0)


def words(inputs: Tensors) -> list[int]:
    """The numbers that they have in the table."""
    own = inputs.parts["headline"].values
    return sorted({0, 1, 2, 3, 4} | {int(number) - 5 for number in own if number >= 5})


def learned(module: nn.Module, inputs: Tensors, codes: Array, how: Train, steps: int) -> dict[str, torch.Tensor]:
    optimiser = optimizing.optimizer(module.train(), how, 0.01)
    torch.manual_seed(3)
    for step in range(steps):
        some = np.arange(step * 8, step * 8 + 8) % 24
        loss = nn.functional.cross_entropy(module(collate.to_torch(inputs, some)), torch.from_numpy(codes[some]))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 0.5)
        optimiser.step()
    return module.state_dict()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_what_learns_from_the_words_that_occur_ends_as_where_all_words_learn(folder: Path, decay: float) -> None:
    candidate, work, inputs, codes = described(folder)
    few = inputs[np.arange(24)]
    how, rows = TRAIN.model_copy(update={"weight_decay": decay}), rows_of(few, codes[:24], work)
    modules = []
    for known in (None, rows):
        torch.manual_seed(0)
        modules.append(beginning.begun(candidate, work, known))
    whole, narrow = (learned(module, few, codes, how, 20) for module in modules)
    assert list(whole) == list(narrow)
    size = dict(modules[1].named_parameters())[TABLE].shape[0]
    assert size == len(words(few)) < len(whole[TABLE])
    for name in whole:
        if name != TABLE:
            assert torch.allclose(whole[name], narrow[name], atol=1e-6), name
    begun = torch.from_numpy(naming.find(str(folder)).weights()["embeddings.word_embeddings.weight"])
    own = words(few)
    others = sorted(set(range(len(begun))) - set(own))
    assert torch.allclose(whole[TABLE][own], narrow[TABLE][own], atol=1e-6)
    assert not torch.allclose(begun[own], narrow[TABLE][own], atol=1e-4)
    # Without a gradient nothing moves but by decay, which words have no part in that do not occur.
    assert torch.equal(narrow[TABLE][others], begun[others])
    assert torch.equal(whole[TABLE][others], begun[others]) == (decay == 0.0)


def test_words_that_do_not_occur_are_read_as_they_were_pretrained(folder: Path) -> None:
    candidate, work, inputs, codes = described(folder)
    few = inputs[np.arange(3)]
    narrow = beginning.begun(candidate, work, rows_of(few, codes[:3], work)).eval()
    whole = beginning.begun(candidate, work).eval()
    assert len(words(inputs)) > len(words(few))
    some = collate.to_torch(inputs, np.arange(48))
    with torch.inference_mode():
        assert torch.equal(narrow.features(some), whole.features(some))


def test_the_state_is_that_of_the_whole_table_and_comes_back() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(9, 4, padding_idx=0)
    narrow = occurring(table, np.array([3, 5, 0]))
    with torch.no_grad():
        narrow.weight += 1.0
    state = narrow.state_dict()
    assert list(state) == ["weight"] and state["weight"].shape == (9, 4)
    assert torch.equal(state["weight"][[0, 3, 5]], table.weight[[0, 3, 5]] + 1)
    assert torch.equal(state["weight"][[1, 2, 4]], table.weight[[1, 2, 4]])
    other = occurring(nn.Embedding(9, 4, padding_idx=0), np.array([3, 5, 0]))
    other.load_state_dict(state)
    numbers = torch.arange(9)
    assert torch.equal(other(numbers), narrow(numbers)) and torch.equal(other(numbers), state["weight"])
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.load_state_dict({"weight": torch.zeros(8, 4)})


def test_what_pads_learns_no_more_than_in_the_whole_table() -> None:
    for numbers in ([0, 3], [3]):
        narrow = occurring(nn.Embedding(9, 4, padding_idx=0), np.array(numbers))
        narrow(torch.tensor([[0, 3, 7]])).sum().backward()
        assert narrow.weight.grad is not None
        assert narrow.weight.grad.sum(dim=1).tolist() == [0.0] * (len(numbers) - 1) + [4.0]


def test_it_learns_as_fast_and_begins_when_the_table_would() -> None:
    table: Any = nn.Embedding(9, 4)
    table.weight.rate, table.weight.begins = 0.5, 0.25
    narrow: Any = occurring(table, np.array([1]))
    assert (narrow.weight.rate, narrow.weight.begins) == (0.5, 0.25)


def test_a_table_stays_that_does_not_learn_or_of_which_most_occurs() -> None:
    table = nn.Embedding(8, 4)
    assert occurring(table, np.arange(7)) is table
    assert isinstance(occurring(table, np.arange(6)), Occurring)
    table.weight.requires_grad_(False)
    assert occurring(table, np.arange(2)) is table


KINDS = {
    "albert": {"embedding_size": 8},
    "bert": {},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24},
    "electra": {"embedding_size": 8},
    "modernbert": {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3},
    "mpnet": {"pad_token_id": 1},
    "roberta": {"pad_token_id": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_encoder_reads_its_words_through_it(kind: str) -> None:
    config = {**tiny.CONFIG, "model_type": kind, **KINDS[kind]}
    pads = config.get("pad_token_id", 0)
    torch.manual_seed(0)
    encoder = PretrainedEncoder(config, (pads, 4, 2, 3, 5), "mean", unit=False, dropout=0.0).eval()
    values, lengths = torch.tensor([[2, 20, 21, 3, 0], [2, 22, 23, 24, 3]]), torch.tensor([4, 5])
    before = encoder(values, lengths)
    whole = sum(weight.numel() for weight in encoder.parameters())
    encoder.narrow(values.numpy().ravel())
    assert sum(weight.numel() for weight in encoder.parameters()) < whole
    assert torch.equal(encoder(values, lengths), before)
    encoder(values, lengths)[:, 0].sum().backward()
    table = encoder.body.get_input_embeddings()
    assert isinstance(table, Occurring) and (table.weight.grad[table.places[15]] != 0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_attention_in_bfloat16_training_says_what_it_says_otherwise(kind: str) -> None:
    config = {**tiny.CONFIG, "model_type": kind, **KINDS[kind]}
    config |= {"hidden_dropout_prob": 0.0, "dropout": 0.0}
    torch.manual_seed(0)
    marks = (config.get("pad_token_id", 0), 4, 2, 3, 5)
    encoder = PretrainedEncoder(config, marks, "mean", unit=False, dropout=0.0, attention_dropout=0.0)
    values, lengths = torch.tensor([[2, 20, 21, 3, 0], [2, 22, 23, 24, 3]]), torch.tensor([4, 5])
    found, chosen = [], []
    for training in (True, False):
        encoder.train(training)
        with torch.autocast("cpu", torch.bfloat16):
            found.append(encoder(values, lengths).float())
        chosen.append(encoder.body.config._attn_implementation)
    assert chosen == [_lower_attention.NAME, "eager" if kind == "mpnet" else "sdpa"]
    assert torch.allclose(*found, atol=0.03)
    # Padding is not looked at either way.
    encoder.train()
    with torch.autocast("cpu", torch.bfloat16):
        alone = encoder(values[:1, :4], lengths[:1]).float()
    assert torch.allclose(alone[0], found[0][0], atol=0.03)


def test_attention_leaves_out_what_its_config_says_or_what_is_asked() -> None:
    config = {**tiny.CONFIG, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.5}
    values, lengths = torch.tensor([[2, 20, 21, 22, 3]]), torch.tensor([5])

    def differs(asked: float | None) -> bool:
        encoder = PretrainedEncoder(config, (0, 4, 2, 3, 5), "mean", unit=False, dropout=0.0, attention_dropout=asked)
        return not torch.equal(encoder(values, lengths), encoder(values, lengths))

    assert (differs(None), differs(0.0), differs(0.1)) == (True, False, True)


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    candidate, work, inputs, codes = described(folder)
    batch = Batch(inputs, codes)

    def fit(**more: Any) -> Any:
        how = {**TRAIN.model_dump(), "tokens": 80, "ema": 0.9}
        return gradient.fit(batch, work, candidate, Asked(Train(**how), 0, **more)).form

    asked = iter([False] * 4 + [True] * 99)
    with pytest.raises(Interrupted):
        fit(folder=tmp_path / "run", interrupted=lambda: next(asked))
    again, whole = fit(folder=tmp_path / "run"), fit()
    assert all(np.array_equal(again.weights[name], whole.weights[name]) for name in whole.weights)
    assert whole.weights[TABLE].shape == (128, 16)
