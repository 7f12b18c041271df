"""Words of which each is several tokens: they are packed, read in windows, and each is given the state of its first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertModel

from luban.collate import LENGTHS
from luban.core import registry
from luban.models._packing import OVERLAP, packed, within
from luban.origins import naming
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate
from luban.training import beginning
from origins import tiny

NUMBERS, MOST, ROOM = 2, 3, 62
"""The tiny encoder has 64 places, of which two are the marks'."""


def rows(*lengths: int, most: int = MOST, seed: int = 0) -> torch.Tensor:
    """(rows, words, most) of tokens from 5 on, of which each word has at least one; 0 behind the end of a row."""
    draw = np.random.default_rng(seed)
    found = np.zeros((len(lengths), max(lengths), most), np.int64)
    for row, length in enumerate(lengths):
        for word in range(length):
            own = draw.integers(1, most + 1)
            found[row, word, :own] = draw.integers(5, 20, own)
    return torch.from_numpy(found)


def windows(tokens: list[int], room: int) -> list[list[int]]:
    """Slowly: the windows of one row, each between both marks."""
    stride, found, start = room - room // OVERLAP, [], 0
    while not found or found[-1][1:-1] != tokens[start - stride :]:
        found.append([2, *tokens[start : start + room], 3])
        start += stride
    return found


def places(firsts: list[int], count: int, room: int) -> list[tuple[int, int]]:
    """Slowly: for each token the window in which it stands farthest from an edge of it, and its step there."""
    stride, number = room - room // OVERLAP, len(windows([5] * count, room))
    found = []
    for first in firsts:
        apart = {}
        for window in range(number):
            step = first - window * stride
            if 0 <= step < room:
                # Where the row itself ends, there is no edge.
                left, right = step if window else room, room - 1 - step if window < number - 1 else room
                apart[window] = min(left, right)
        # Of two windows in which it stands as far from an edge the later one.
        best = max(apart, key=lambda window: (apart[window], window))
        found.append((best, 1 + first - best * stride))
    return found


@pytest.mark.parametrize("room", [7, 8, 16, 100])
def test_rows_are_packed_as_a_loop_packs_them(room: int) -> None:
    tokens = rows(9, 1, 4, 30, 8, 16)
    found = packed(tokens, room, MOST)
    inner = found.tokens.reshape(len(tokens), -1, found.tokens.shape[1])
    lengths = found.lengths.reshape(len(tokens), -1)
    for row, words in enumerate(tokens):
        flat = [int(token) for token in words.flatten() if token]
        wanted = windows(flat, room)
        for number, own in enumerate(lengths[row]):
            read = inner[row, number, : int(own)].tolist()
            assert read == (wanted[number] if number < len(wanted) else [2, 3]), "only a longer row has this one"
            assert not inner[row, number, int(own) :].any()
        own = (words > 0).sum(dim=1)
        firsts = (own.cumsum(0) - own)[own > 0].tolist()
        step = [window * inner.shape[2] + place for window, place in places(firsts, len(flat), room)]
        got = found.places[row, : len(firsts)]
        assert [inner[row].flatten()[place] for place in got] == [flat[first] for first in firsts]
        assert got.tolist() == step


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write(tmp_path / "tiny")


def begun(folder: Path, task: str = "tagging", each: int = MOST, **others: Any) -> Any:
    shape = Shape("words", (40, NUMBERS, 5 + tiny.CONFIG["vocab_size"], MOST, each), longest=9)
    work = Work(task, 3, 50, 0, shapes={"text": shape})
    given = {"origin": naming.find(str(folder)).settings(), **others}
    torch.manual_seed(0)
    return beginning.begun(Candidate(model="pretrained-text", settings=given), work).eval()


def inputs(tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    lengths = (tokens > 0).any(dim=2).sum(dim=1)
    numbers = torch.full((*tokens.shape[:2], NUMBERS), 7)
    return {"text": torch.cat([numbers, tokens], dim=2), f"text{LENGTHS}": lengths}


def test_a_word_has_the_state_that_transformers_gives_its_first_token(folder: Path) -> None:
    module, theirs, tokens = begun(folder), BertModel.from_pretrained(folder).eval(), rows(9, 1, 5)
    with torch.inference_mode():
        ours = module.states(inputs(tokens))["text"]
        for row, words in enumerate(tokens):
            own = [[int(token) - 5 for token in word if token] for word in words if word.any()]
            states = theirs(
                input_ids=torch.tensor([[2, *(token for word in own for token in word), 3]])
            ).last_hidden_state[0]
            first = 1 + np.cumsum([0, *map(len, own)])[:-1]
            assert torch.allclose(ours[row, : len(own)], states[first], atol=1e-5)
            assert not ours[row, len(own) :].any()


def test_each_word_of_a_row_that_is_longer_than_the_encoder_reads_is_answered(folder: Path) -> None:
    module, theirs = begun(folder), BertModel.from_pretrained(folder).eval()
    tokens = rows(60, 150, 3, most=2)
    tokens = torch.cat([tokens, torch.zeros_like(tokens[:, :, :1])], dim=2)
    with torch.inference_mode():
        together = module.states(inputs(tokens))["text"]
        for row, words in enumerate(tokens):
            count = int(words.any(dim=1).sum())
            alone = module.states(inputs(words[None, :count]))["text"][0]
            assert torch.allclose(alone, together[row, :count], atol=1e-5), "whatever stands beside it"
            flat, own = [int(token) - 5 for token in words.flatten() if token], (words[:count] > 0).sum(dim=1)
            read = [theirs(input_ids=torch.tensor([each])).last_hidden_state[0] for each in windows(flat, ROOM)]
            firsts = (own.cumsum(0) - own).tolist()
            wanted = torch.stack([read[window][step] for window, step in places(firsts, len(flat), ROOM)])
            assert torch.allclose(alone, wanted, atol=1e-5)


def test_the_longest_words_of_a_row_without_room_lose_their_last_tokens(folder: Path) -> None:
    tokens = torch.tensor([[[7, 8, 9], [7, 0, 0]], [[7, 8, 9], [7, 8, 9]], [[7, 8, 9], [0, 0, 0]]])
    kept = within(tokens, torch.tensor([2, 2, 1]), 2)
    assert kept[0].tolist() == tokens[0].tolist(), "four tokens of two words are two on average"
    assert kept[1].tolist() == [[7, 8, 0], [7, 8, 0]]
    assert kept[2].tolist() == [[7, 8, 0], [0, 0, 0]], "padding is no word"
    some = rows(9, 4)
    with torch.inference_mode():
        ours = begun(folder, each=2).states(inputs(some))["text"]
        wanted = begun(folder).states(inputs(within(some, torch.tensor([9, 4]), 2)))["text"]
    assert torch.allclose(ours, wanted, atol=1e-5)


def test_a_whole_row_is_the_vector_of_its_tokens(folder: Path) -> None:
    """As a text of them is; of a row of no word it is that of the marks alone."""
    module, tokens = begun(folder, "multiclass"), rows(6, 3)
    shape = Shape("tokens", (5 + tiny.CONFIG["vocab_size"],), longest=30)
    given = {"origin": naming.find(str(folder)).settings()}
    of_texts = beginning.begun(
        Candidate(model="pretrained-text", settings=given), Work("multiclass", 3, 50, 0, shapes={"text": shape})
    ).eval()
    with torch.inference_mode():
        read = packed(tokens, ROOM, MOST)
        wanted = of_texts.features({"text": read.tokens, f"text{LENGTHS}": read.lengths})
        assert torch.allclose(module.features(inputs(tokens)), wanted, atol=1e-5)
        none = inputs(torch.zeros(1, 1, MOST, dtype=torch.int64))
        assert module({**none, f"text{LENGTHS}": torch.ones(1, dtype=torch.int64)}).isfinite().all()


def test_the_vector_of_a_row_is_the_mean_of_its_own_windows_whatever_stands_beside_it(folder: Path) -> None:
    module, tokens = begun(folder, "multiclass"), rows(60, 3, 25)
    with torch.inference_mode():
        together = module.features(inputs(tokens))
        assert packed(tokens, ROOM, MOST).lengths.tolist().count(2) > 1, "windows without a token"
        for row, words in enumerate(tokens):
            alone = module.features(inputs(words[None, : int(words.any(dim=1).sum())]))
            assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_embeddings_of_words_that_do_not_occur_stay(folder: Path) -> None:
    module, tokens = begun(folder, tune="full"), rows(9, 4)
    values = np.concatenate([np.full((*tokens.shape[:2], NUMBERS), 99), tokens.numpy()], axis=2)
    module.encoder.narrow(values.reshape(-1, NUMBERS + MOST))
    occurring = module.encoder.encoder.body.get_input_embeddings().numbers.tolist()
    assert occurring == sorted({0, 1, 2, 3, 4} | {int(token) - 5 for token in tokens.flatten() if token})


def test_without_tokens_it_says_what_is_missing() -> None:
    model = registry.find("models", "pretrained-text")
    reason = model.declines(Work("tagging", 3, 50, 0, shapes={"text": Shape("words", (40, NUMBERS))}))
    assert reason is not None and "tokens of its tokenizer" in reason and "--from" in reason
