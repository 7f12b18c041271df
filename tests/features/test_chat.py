"""Chats: which tokens a model is to say, and that these alone have a loss."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch

from luban import states
from luban.batch import Batch, Ragged, Tensors
from luban.core import registry
from luban.core.errors import BundleError, UsageError
from luban.features import chat
from luban.features.chat import template
from luban.protocols import Shape, State, Work
from luban.recipe.recipe import Features
from luban.training import chatting
from origins import speaking

TURNS = [
    {"role": "user", "content": "the inn"},
    {"role": "assistant", "content": "in the"},
    {"role": "user", "content": "thin?"},
    {"role": "assistant", "content": "no"},
]
PAIR = {"messages": TURNS[:1], "chosen": "in", "rejected": "the thin"}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> State:
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    path.write_text(json.dumps(speaking.tokenizer()), encoding="utf-8")
    return chat.feature.fit(pl.Series("x", ["[]"]), Features(tokenizer=str(path), template=speaking.TEMPLATE))


def encoded(chats: list[object], state: State) -> Ragged:
    return chat.feature.encode(pl.Series("x", [json.dumps(each) for each in chats]), state)


def words(numbers: np.ndarray, state: State) -> list[tuple[str, int]]:
    names = {number: word for word, number in speaking.tokenizer()["model"]["vocab"].items()}
    tokens, kinds = chat.apart(numbers, state.values["vocabulary"])
    return [(names[token], kind) for token, kind in zip(tokens.tolist(), kinds.tolist(), strict=True)]


def test_the_answers_and_the_marks_of_their_ends_are_said_and_nothing_else(learned: State) -> None:
    rows = encoded([TURNS], learned)
    said = "".join(word for word, kind in words(rows.values, learned) if kind == chat.SAID)
    assert said == "inĠthe<end>no<end>"
    whole = "".join(word for word, _ in words(rows.values, learned))
    assert whole.replace("Ġ", " ").replace("Ċ", "\n") == template.filled(speaking.TEMPLATE, TURNS)


def test_the_tokens_are_those_that_transformers_makes_of_the_chat(learned: State, tmp_path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(speaking.write(tmp_path / "model"))
    theirs = tokenizer.apply_chat_template(TURNS, return_dict=False)
    tokens, _ = chat.apart(encoded([TURNS], learned).values, learned.values["vocabulary"])
    assert tokens.tolist() == theirs


def test_of_a_pair_both_texts_are_there_one_behind_the_other(learned: State) -> None:
    found = words(encoded([PAIR], learned).values, learned)
    assert "".join(word for word, kind in found if kind == chat.SAID) == "in<end>"
    assert "".join(word for word, kind in found if kind == chat.SAID_AGAIN) == "theĠthin<end>"
    first, second = ([word for word, kind in found if kind == asked] for asked in (chat.ASKED, chat.ASKED_AGAIN))
    # Behind an answer stands what the template writes there.
    assert first == second


def test_a_chat_is_cut_to_the_longest(learned: State) -> None:
    short = State({**learned.values, "longest": 9}, learned.arrays)
    assert encoded([TURNS, PAIR], short).lengths.tolist() == [9, 18]
    assert np.array_equal(encoded([TURNS], short).values, encoded([TURNS], learned).values[:9])


def _loss(tokens: list[int], said: list[bool], seed: int = 0) -> float:
    """The loss of one chat, by tokens and by which of them the model is to say."""
    model = registry.find("models", "pretrained-causal")
    size = speaking.ORIGIN["config"]["vocab_size"]
    work = Work("chat", 2, 1, 0, shapes={"chat": Shape("tokens", (chat.KINDS * size + 1,))})
    torch.manual_seed(seed)
    module = model.build(work, model.Settings(origin=speaking.ORIGIN)).eval()
    numbers = chat.number(np.array(tokens), np.array(said) * chat.SAID, size)
    with torch.inference_mode():
        return float(module({"chat": torch.from_numpy(numbers[None])})[0, 0])


def test_a_token_that_is_read_has_no_loss_and_one_that_is_said_has() -> None:
    """The last token is seen by none, so it can only be a target."""
    asked, said = [True, True, False], [True, True, True]
    before = _loss([3, 5, 7], asked)
    assert _loss([3, 5, 9], asked) == before, "what is asked is no target"
    assert _loss([3, 5, 9], said) != _loss([3, 5, 7], said), "what is said is one"


def test_the_loss_is_the_mean_of_the_answers_alone() -> None:
    """Each token of an answer by itself, as transformers has it, and no other."""
    size = speaking.ORIGIN["config"]["vocab_size"]
    tokens, said = [3, 5, 7, 11, 2, 4], [False, False, True, True, False, True]
    each = [_loss(tokens, [place == at for place in range(6)]) for at in np.flatnonzero(said)]
    assert _loss(tokens, said) == pytest.approx(np.mean(each), rel=1e-5)
    assert all(value < 3 * np.log(size) for value in each)


def test_a_chat_weighs_as_many_tokens_as_are_said(learned: State) -> None:
    rows = encoded([TURNS, TURNS[:2]], learned)
    work = Work("chat", 2, 2, 0, shapes={"chat": chat.feature.shape(learned)})
    inner, _, _ = chatting.inner(Batch(Tensors({"chat": rows})), work)
    assert inner.weight is not None and inner.weight.tolist() == [6.0, 3.0]


def test_a_template_that_writes_the_past_otherwise_is_refused() -> None:
    forgetful = "{% for m in messages[-1:] %}{{ m.content }}{% endfor %}"
    with pytest.raises(ValueError, match="written otherwise"):
        template.answers(forgetful, TURNS)


def test_without_a_template_or_a_tokenizer_it_says_what_to_do(tmp_path) -> None:
    with pytest.raises(UsageError, match="none is named") as no_tokens:
        chat.feature.fit(pl.Series("x", ["[]"]), Features())
    assert no_tokens.value.fix == "begin from a language model: --from smollm2"
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(speaking.tokenizer()), encoding="utf-8")
    with pytest.raises(UsageError, match="no template of chats") as none:
        chat.feature.fit(pl.Series("x", ["[]"]), Features(tokenizer=str(path)))
    assert "--set features.template" in str(none.value.fix)


def test_its_state_survives_being_written_and_a_damaged_one_is_refused(learned: State) -> None:
    kind, again = states.from_bytes(states.to_bytes("chat", learned))
    chat.feature.check(again)
    assert kind == "chat"
    assert np.array_equal(encoded([TURNS], again).values, encoded([TURNS], learned).values)
    for values in ({"vocabulary": 9}, {"longest": 0}, {"template": 3}):
        with pytest.raises(BundleError):
            chat.feature.check(State({**learned.values, **values}, learned.arrays))


@pytest.mark.parametrize("odd", [None, "", "[]", "3", '{"messages": 3}', "no json", '[{"role": "user"}]'])
def test_what_is_no_chat_is_a_single_token_that_is_read(odd: str | None, learned: State) -> None:
    rows = chat.feature.encode(pl.Series("x", [odd], dtype=pl.String), learned)
    assert rows.values.tolist() == [1]
