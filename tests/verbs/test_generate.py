"""`luban generate` on a tiny language model in its real layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from luban.verbs.generate import generate
from origins import speaking
from verbs.program import luban


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    speaking.write(Path("tiny"))
    return "tiny"


def test_the_text_is_what_transformers_writes(model: str) -> None:
    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModelForCausalLM.from_pretrained(model)
    asked = tokenizer("in the end", return_tensors="pt")
    theirs = network.generate(**asked, max_new_tokens=20, do_sample=False)[0, asked["input_ids"].shape[1] :]
    done = luban("generate", model, "in the end", "--max-tokens", "20", "--json")
    assert done.document["text"].rstrip("\ufffd") == tokenizer.decode(theirs, skip_special_tokens=True).rstrip("\ufffd")
    assert (done.document["prompt_tokens"], done.document["licence"]) == (asked["input_ids"].shape[1], "llama3")


def test_what_is_told_piece_by_piece_is_the_text(model: str) -> None:
    pieces: list[str] = []
    found = generate(model, "in", temperature=1.0, seed=3, max_tokens=30, tell=pieces.append)
    assert "".join(pieces) == found.text and len(pieces) > 3
    assert generate(model, "in", temperature=1.0, seed=3, max_tokens=30).document == found.document
    shown = luban("generate", model, "in", "--temperature", "1", "--seed", "3", "--max-tokens", "30")
    assert shown.out.decode() == found.text + "\n"
    assert "licence of this model is llama3" in shown.err


def test_a_chat_is_the_plain_prompt_in_its_template(model: str) -> None:
    plain = "<start>user\nin<end>\n<start>assistant\n"
    assert generate(model, "in", chat=True).document == generate(model, plain).document


def test_a_prompt_that_is_longer_than_the_context_is_refused(model: str) -> None:
    done = luban("generate", model, "x" * 90)
    assert done.code == 2
    assert "the prompt has 90 tokens, and the context of this model 64" in done.err
    assert generate(model, "x" * 60, max_tokens=50).document["ended"] in ("context", "end")
    assert luban("generate", model, "").code == 2


def test_a_bundle_that_is_none_is_told() -> None:
    done = luban("generate", "smolm2", "hello")
    assert done.code == 2 and "Did you mean 'smollm2'" in done.err
    Path("some.gguf").write_bytes(b"GGUF")
    assert "its header ends too early" in luban("generate", "some.gguf", "hello").err
    Path("notes.txt").write_text("hello")
    assert "this file is no GGUF file" in luban("generate", "notes.txt", "hello").err
