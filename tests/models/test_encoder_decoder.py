"""Encoders with decoders compared with their definitions, and the texts that they write."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from luban.models._writing import END, PAD, START, beam, greedy
from luban.models.encoder_decoder.states import States
from luban.protocols import Shape
from models import references
from models.networks import SHAPES, alone, inputs, network, weights
from models.references import under

VOCABULARY = 7
SOURCE = {"source": SHAPES["tokens"]}
TARGET = torch.tensor([[START, 4, 5, 6], [START, 6, 0, 0], [START, 4, 4, 0], [START, 5, 6, 4]])


COPIED = {"source.own": Shape("tokens", (VOCABULARY,), longest=SHAPES["tokens"].longest)}


def pair(kind: str, **settings: Any) -> Any:
    return network("encoder-decoder", SOURCE, VOCABULARY, kind=kind, **settings)


def copying(kind: str, **settings: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """A pair that reads the tokens that it writes, with weights that copy, and what it reads."""
    module, tensors = network("encoder-decoder", COPIED, VOCABULARY, kind=kind, **settings), inputs(COPIED)
    with torch.no_grad():
        module.pair.copying.query.weight.normal_()
    return module, tensors


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_transformer_is_its_definition(positions: str) -> None:
    module, tensors = pair("transformer", positions=positions), inputs(SOURCE)
    w, learned, rotary = under(weights(module), "pair"), positions == "learned", positions == "rotary"
    found = module(tensors | {"source.written": TARGET}).detach().numpy()
    for row in range(4):
        memory = w["encoder.steps.read.weight"][alone(tensors, row)["source"][0].numpy()]
        x = w["words.weight"][TARGET[row].numpy()]
        if learned:
            memory, x = memory + w["encoder.places.table.weight"][: len(memory)], x + w["places.table.weight"][:4]
        for layer in (0, 1):
            memory = references.block(memory, under(w, f"encoder.blocks.{layer}"), 2, rotary=rotary)
        memory = references.layer_norm(memory, under(w, "encoder.norm"))
        for layer in (0, 1):
            x = references.block(x, under(w, f"blocks.{layer}"), 2, memory=memory, rotary=rotary, causal=True)
        wanted = references.layer_norm(x, under(w, "norm")) @ w["words.weight"].T
        own = TARGET[row].numpy() != PAD
        assert found[row][own] == pytest.approx(wanted[own], abs=1e-5)


def test_the_lstm_is_its_definition() -> None:
    module, tensors = pair("lstm"), inputs(SOURCE)
    w = under(weights(module), "pair")
    found = module(tensors | {"source.written": TARGET}).detach().numpy()
    for row in range(4):
        memory = w["steps.read.weight"][alone(tensors, row)["source"][0].numpy()]
        for layer in (0, 1):
            memory = references.lstm(memory, under(w, f"encoders.{layer}"))
        x = w["words.weight"][TARGET[row].numpy()]
        for layer in (0, 1):
            x = references.lstm(x, under(w, f"decoders.{layer}"), memory[-1])
        looked = np.array([references.softmax(memory @ state) @ memory for state in x])
        combined = np.tanh(references.linear(np.concatenate([looked, x], axis=1), under(w, "combine")))
        assert found[row] == pytest.approx(combined @ w["words.weight"].T, abs=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_no_step_sees_what_comes_after_it(kind: str) -> None:
    module, tensors = pair(kind), inputs(SOURCE)
    other = TARGET.clone()
    other[:, 2:] = 3
    ours, theirs = (module(tensors | {"source.written": target}) for target in (TARGET, other))
    assert torch.allclose(ours[:, :2], theirs[:, :2], atol=1e-6)
    assert not torch.allclose(ours[:, 2:], theirs[:, 2:], atol=1e-3)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_a_token_that_was_read_is_as_likely_as_its_score_says(kind: str) -> None:
    module, tensors = copying(kind)
    seen: dict[str, torch.Tensor] = {}
    module.pair.copying.register_forward_hook(
        lambda part, given, found: seen.update(before=given[0], steps=given[1], memory=given[2].memory, found=found)
    )
    module(tensors | {"source.own.written": TARGET})
    w, before = under(weights(module), "pair.copying"), seen["before"].detach().numpy()
    for row in range(4):
        steps, memory = (seen[name].detach().numpy()[row] for name in ("steps", "memory"))
        wanted = before[row].copy()
        for place in range(int(tensors["source.own.lengths"][row])):
            before_it = memory[place - 1] if place else np.zeros_like(memory[place])
            key = references.linear(np.concatenate([memory[place], before_it]), under(w, "key"))
            wanted[:, int(tensors["source.own"][row, place])] += (
                steps @ w["query.weight"].T @ key / steps.shape[1] ** 0.5
            )
        assert seen["found"].detach().numpy()[row] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("shared", [False, True])
def test_what_is_kept_between_steps_changes_nothing(kind: str, positions: str, shared: bool) -> None:
    if shared:
        module, tensors = copying(kind, positions=positions)
    else:
        module, tensors = pair(kind, positions=positions), inputs(SOURCE)
    with torch.inference_mode():
        states = module.encode(tensors)
        whole, kept = module.decode(states, TARGET), states
        for step in range(TARGET.shape[1]):
            outputs, kept = module.next(kept, TARGET[:, step])
            assert torch.allclose(outputs, whole[:, step], atol=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_greedy_writes_what_the_whole_text_says_each_time(kind: str) -> None:
    module, tensors = copying(kind)
    with torch.inference_mode():
        states, texts = module.encode(tensors), torch.full((4, 1), START)
        for _ in range(6):
            outputs = module.decode(states, texts)[:, -1]
            outputs[:, [PAD, START]] = -torch.inf
            texts = torch.cat([texts, outputs.argmax(dim=1, keepdim=True)], dim=1)
    for row, text in enumerate(texts[:, 1:].tolist()):
        end = text.index(END) if END in text else len(text)
        assert list(module.write(tensors, longest=6)[row].tokens) == text[:end]


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_a_row_alone_is_written_like_the_row_in_a_batch(kind: str) -> None:
    module, tensors = pair(kind), inputs(SOURCE)
    together = module.write(tensors, beams=3, longest=5)
    for row in range(4):
        (own,) = module.write(alone(tensors, row), beams=3, longest=5)
        assert own.tokens == together[row].tokens
        assert own.log_probability == pytest.approx(together[row].log_probability, abs=1e-4)


TABLE = torch.randn(2, 7, 7, 7, generator=torch.Generator().manual_seed(3)) * 2


def following(states: States, token: torch.Tensor) -> tuple[torch.Tensor, States]:
    """Outputs that depend on the row and on the last two tokens, drawn once."""
    (before,) = states.before or (torch.zeros_like(token),)
    return TABLE[states.memory[:, 0, 0].long(), before, token], replace(states, before=(token,))


TWO_ROWS = States(torch.tensor([[[0.0]], [[1.0]]]), torch.ones(2, 1, dtype=torch.bool))


def log_probability(row: int, tokens: tuple[int, ...]) -> float:
    texts = torch.tensor([START, *tokens[:-1]])
    outputs = TABLE[row, torch.cat([torch.zeros(1, dtype=torch.int64), texts[:-1]]), texts]
    outputs[:, [PAD, START]] = -torch.inf
    steps = outputs.log_softmax(dim=1)
    return float(sum(steps[place, token] for place, token in enumerate(tokens)))


def test_as_many_beams_as_there_are_texts_find_the_best_of_all_texts() -> None:
    longest, words = 3, (1, 4, 5, 6)
    endings = [(*text, END) for length in range(longest) for text in product(words, repeat=length)]
    every = [*endings, *product(words, repeat=longest)]
    for row, written in enumerate(beam(following, TWO_ROWS, longest, 7**2)):
        best = max(every, key=lambda text: log_probability(row, text) / len(text))
        assert written.tokens == tuple(token for token in best if token != END)
        assert written.log_probability == pytest.approx(log_probability(row, best), abs=1e-4)
        assert written.ended == (best[-1] == END)


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    for row, written in enumerate(greedy(following, TWO_ROWS, 4)):
        text: list[int] = []
        while len(text) < 4 and END not in text:
            choices = (1, END, 4, 5, 6)
            text.append(max(choices, key=lambda token: log_probability(row, (*text, token))))
        assert written.tokens == tuple(token for token in text if token != END)


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_of_one_token_the_likeliest_is_written(beams: int) -> None:
    for row, written in enumerate(beam(following, TWO_ROWS, 1, beams)):
        best = max((1, END, 4, 5, 6), key=lambda token: log_probability(row, (token,)))
        assert written.tokens == (() if best == END else (best,))
        assert written.ended == (best == END)
        assert written.log_probability == pytest.approx(log_probability(row, (best,)), abs=1e-5)


def test_beams_beyond_the_texts_that_there_are_change_nothing() -> None:
    # Of five tokens and their continuations there are 5 + 4 * 5 texts of two tokens or fewer: the rest stays unlikely.
    every, many = (beam(following, TWO_ROWS, 2, beams) for beams in (25, 60))
    assert [text.tokens for text in every] == [text.tokens for text in many]
    assert all(math.isfinite(text.log_probability) for text in many)


@pytest.mark.parametrize("beams", [1, 3])
def test_no_row_is_no_text(beams: int) -> None:
    none = States(torch.zeros(0, 1, 1), torch.ones(0, 1, dtype=torch.bool))
    assert beam(following, none, 4, beams) == []


@pytest.mark.parametrize("beams", [1, 3])
def test_what_never_ends_is_cut_and_what_ends_at_once_is_empty(beams: int) -> None:
    def ending(sooner: float) -> Callable[[States, torch.Tensor], tuple[torch.Tensor, States]]:
        def outputs(states: States, token: torch.Tensor) -> tuple[torch.Tensor, States]:
            found, after = following(states, token)
            found[:, END] = sooner
            return found, after

        return outputs

    for text in beam(ending(-torch.inf), TWO_ROWS, 6, beams):
        assert (len(text.tokens), text.ended) == (6, False)
    for text in beam(ending(1e4), TWO_ROWS, 6, beams):
        assert (text.tokens, text.ended) == ((), True)
        assert text.log_probability == pytest.approx(0.0, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_it_learns_to_write_a_row_backwards(kind: str) -> None:
    module = network("encoder-decoder", {"source": SHAPES["tokens"]}, 10, kind=kind, width=64, heads=4, dropout=0.0)
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
    random = torch.Generator().manual_seed(0)

    def rows(count: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        source = torch.randint(4, 10, (count, 4), generator=random)
        return {"source": source, "source.lengths": torch.full((count,), 4)}, source.flip(1)

    for _ in range(300):
        tensors, wanted = rows(64)
        start, end = torch.full((64, 1), START), torch.full((64, 1), END)
        outputs = module.train()(tensors | {"source.written": torch.cat([start, wanted], dim=1)})
        loss = torch.nn.functional.cross_entropy(outputs.transpose(1, 2), torch.cat([wanted, end], dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tensors, wanted = rows(50)
    for beams in (1, 3):
        written = module.eval().write(tensors, beams=beams)
        right = [text.tokens == tuple(row) for text, row in zip(written, wanted.tolist(), strict=True)]
        assert sum(right) >= 45
        assert all(text.ended for text in written)
