"""States of every kind of form, as they were first written: each is read today and answers as it did then.

A bundle that somebody keeps holds such a state, so a file here is never made again; a new kind adds its own.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban import states
from luban.batch import Ragged, Tensors
from luban.core import registry
from luban.protocols import Form, State

LETTERS = State({"longest": 8192}, {"merges": np.zeros((0, 2), np.int32)})
GOLDEN = Path(__file__).parent / "golden"
ANSWERS = json.loads((GOLDEN / "answers.json").read_text(encoding="utf-8"))
ROWS = np.array(ANSWERS["rows"], dtype=np.float32)
SEES_TENSORS = {"answered", "language", "network", "repeated", "spans", "written"}
"""Kinds whose rows are no lines of a matrix, or whose answers are texts."""


@pytest.mark.parametrize("name", sorted(ANSWERS["outputs"]))
def test_a_state_of_then_answers_as_it_did(name: str) -> None:
    kind, state = states.from_bytes((GOLDEN / f"{name}.safetensors").read_bytes())
    form: Form = registry.find("forms", kind).rebuild(state)
    assert form.outputs(ROWS) == pytest.approx(np.array(ANSWERS["outputs"][name]), rel=1e-9, abs=1e-12)


def test_a_lookup_of_then_answers_as_it_did() -> None:
    kind, state = states.from_bytes((GOLDEN / "lookup.safetensors").read_bytes())
    words = Ragged.of([np.array([[2, 7], [3, 8], [1, 9]], np.int32), np.array([[0, 0]], np.int32)])
    found = registry.find("forms", kind).rebuild(state).outputs(Tensors({"text": words}))
    assert found.lengths.tolist() == [3, 0]
    assert found.values.argmax(axis=1).tolist() == [2, 0, 1]


@pytest.mark.parametrize(("name", "said"), [("copied", "headers for emacs"), ("remembered", "en-têtes de vim")])
def test_texts_of_then_are_answered_as_they_were(name: str, said: str) -> None:
    kind, state = states.from_bytes((GOLDEN / f"{name}.safetensors").read_bytes())
    tokens = registry.find("features", "text").tensor
    letters = tokens.encode(pl.Series(["headers for emacs"]), LETTERS)
    assert registry.find("forms", kind).rebuild(state).outputs(Tensors({"text": letters})).texts() == [said]


def test_a_piece_near_the_words_of_a_question_is_what_it_was_then() -> None:
    kind, state = states.from_bytes((GOLDEN / "word-overlap.safetensors").read_bytes())
    tokens = registry.find("features", "text").tensor
    texts = {"context": "The mill stands in Ulm. A ferry goes to Bonn.", "question": "Where does the ferry go?"}
    rows = Tensors({name: tokens.encode(pl.Series([text]), LETTERS) for name, text in texts.items()})
    found = registry.find("forms", kind).rebuild(state).outputs(rows)
    assert found.values.tolist() == [40.0, 0.0, 0.0, *b"Bonn"]


def test_tokens_that_two_texts_share_are_counted_as_they_were() -> None:
    kind, state = states.from_bytes((GOLDEN / "shared-words.safetensors").read_bytes())
    one = Ragged.of([np.array([2, 7, 8, 9, 3], np.int32), np.array([2, 3], np.int32)])
    other = Ragged.of([np.array([2, 8, 9, 9, 10, 11, 3], np.int32), np.array([2, 8, 3], np.int32)])
    found = registry.find("forms", kind).rebuild(state).outputs(Tensors({"b": other, "a": one}))
    assert found.ravel().tolist() == pytest.approx([0.25 + 2 / 6**0.5, 0.25], rel=1e-12)


def test_counts_of_tokens_of_then_say_what_they_did() -> None:
    kind, state = states.from_bytes((GOLDEN / "kneser-ney.safetensors").read_bytes())
    texts = Ragged.of([np.array([2, 5, 6, 7, 3], np.int32), np.array([2, 8, 3], np.int32)])
    found = registry.find("forms", kind).rebuild(state).outputs(Tensors({"text": texts}))
    assert found.ravel().tolist() == pytest.approx([2.094084772091477, 4.0, 4.697879584092359, 2.0], rel=1e-12)


def test_counts_of_neighbours_of_then_say_what_they_did() -> None:
    kind, state = states.from_bytes((GOLDEN / "masked-trigram.safetensors").read_bytes())
    texts = Ragged.of([np.array([2, *([5, 6, 7, 8] * 6), 3], np.int32)])
    found = registry.find("forms", kind).rebuild(state).outputs(Tensors({"text": texts}))
    assert found[0].tolist() == pytest.approx([5.092480477861816, 5.0, 3.0], rel=1e-12)


def test_there_is_a_state_of_every_kind() -> None:
    kinds = {states.from_bytes(path.read_bytes())[0] for path in GOLDEN.glob("*.safetensors")}
    assert kinds == set(registry.names("forms")) - SEES_TENSORS
