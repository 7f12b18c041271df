"""A language model goes on as `transformers` does, and what is drawn, held back and ended is as it was asked."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import torch

from luban.origins import causal, causal_configs
from luban.runtime import continuing
from luban.runtime.continuing import Choice, Written
from origins import speaking


@pytest.mark.parametrize("kind", causal_configs.KINDS)
def test_greedy_tokens_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    origin = causal.find(str(speaking.write(tmp_path / "tiny", kind)))
    network, quick = origin.network(), continuing.prepared(origin.network(), "float32")
    seen: set[int] = set()
    for first in range(5):
        prompt = list(range(first + 3, first * 4 + 7))
        theirs = network.generate(  # type: ignore[operator]
            torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=None,
            attention_mask=torch.ones(1, len(prompt)), pad_token_id=0,
        )  # fmt: skip
        ours = list(islice(continuing.tokens(network, prompt), 24))
        assert ours == list(islice(continuing.tokens(quick, prompt), 24)) == theirs[0, len(prompt) :].tolist()
        seen |= set(ours)
    assert len(seen) > 3


def test_greedy_tokens_stay_when_a_model_is_saved_again(tmp_path: Path) -> None:
    folder = speaking.write(tmp_path / "tiny")
    network = causal.find(str(folder)).network()
    before = list(islice(continuing.tokens(network, [5, 6, 7]), 30))
    network.save_pretrained(folder)  # type: ignore[operator]
    again = causal.find(str(folder)).network()
    assert list(islice(continuing.tokens(again, [5, 6, 7]), 30)) == before


def test_tokens_are_drawn_by_their_probabilities() -> None:
    logits, draw = torch.tensor([0.0, 1.0, 2.0, -9.0]), torch.Generator().manual_seed(0)
    drawn = [continuing.chosen(logits, Choice(temperature=2.0), draw) for _ in range(4_000)]
    share = torch.bincount(torch.tensor(drawn), minlength=4) / 4_000
    assert torch.allclose(share, torch.softmax(logits / 2, dim=0), atol=0.03)


def test_only_the_likeliest_that_reach_the_share_are_drawn() -> None:
    logits, draw = torch.tensor([0.1, 0.5, 0.3, 0.1]).log(), torch.Generator().manual_seed(0)
    kept = {continuing.chosen(logits, Choice(temperature=1.0, top_p=0.7), draw) for _ in range(200)}
    assert kept == {1, 2}
    assert {continuing.chosen(logits, Choice(temperature=1.0, top_p=0.01), draw) for _ in range(50)} == {1}


def told(text: str, *, most: int = 99, room: int = 99, stop: tuple[str, ...] = ()) -> tuple[list[str], Written]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(speaking.tokenizer()))
    written = Written()
    numbers = tokenizer.encode(text).ids
    pieces = continuing.words(numbers, tokenizer, written, ends=[2], most=most, room=room, stop=stop)
    return list(pieces), written


def test_a_letter_of_several_tokens_comes_when_it_is_whole() -> None:
    pieces, written = told("é☃<end>the")
    assert pieces == ["é", "☃"]
    assert (written.text, written.ended, written.tokens) == ("é☃", "end", 5)


def test_a_text_ends_before_what_stops_it_and_nothing_of_that_is_told() -> None:
    pieces, written = told("in a bin, abc", stop=("abc", "never"))
    assert ("".join(pieces), written.ended) == ("in a bin, ", "stop")
    # What only looked like it is told after all.
    assert "".join(told("abd ab", stop=("abc",))[0]) == "abd ab"


def test_it_says_whether_the_tokens_or_the_context_came_to_their_end() -> None:
    assert told("abcdef", most=3)[1] == Written(3, "abc", "tokens")
    assert told("abcdef", room=4)[1] == Written(4, "abcd", "context")
