"""States of every kind of form, as they were first written: each is read today and answers as it did then.

A bundle that somebody keeps holds such a state, so a file here is never made again; a new kind adds its own.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from luban import states
from luban.core import registry
from luban.protocols import Form

GOLDEN = Path(__file__).parent / "golden"
ANSWERS = json.loads((GOLDEN / "answers.json").read_text(encoding="utf-8"))
ROWS = np.array(ANSWERS["rows"], dtype=np.float32)
SEES_TENSORS = {"lookup", "network", "repeated", "written"}
"""Kinds whose rows are no lines of a matrix, or whose answers are texts."""


@pytest.mark.parametrize("name", sorted(ANSWERS["outputs"]))
def test_a_state_of_then_answers_as_it_did(name: str) -> None:
    kind, state = states.from_bytes((GOLDEN / f"{name}.safetensors").read_bytes())
    form: Form = registry.find("forms", kind).rebuild(state)
    assert form.outputs(ROWS) == pytest.approx(np.array(ANSWERS["outputs"][name]), rel=1e-9, abs=1e-12)


def test_there_is_a_state_of_every_kind() -> None:
    kinds = {states.from_bytes(path.read_bytes())[0] for path in GOLDEN.glob("*.safetensors")}
    assert kinds == set(registry.names("forms")) - SEES_TENSORS
