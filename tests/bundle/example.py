"""A small bundle in memory that holds every kind of thing. Its form is data only: nothing fits, nothing answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from luban.bundle.bundle import Stored
from luban.protocols import State
from luban.recipe.recipe import Candidate, Models, Recipe
from luban.schema.schema import Column, Schema

SCHEMA = Schema(
    (
        Column("age", "number", "input", "every value is a number", "Float64", 0.01, 40),
        Column("notes", "text", "input", "several words a row", "String", 0.0, 90),
        Column("row", "identifier", "id", "one value a row", "Int64", 0.0, 100),
        Column("diagnosis", "category", "target", "named with --target", "String", 0.0, 2),
    )
)


def states_are_equal(first: State, second: State) -> bool:
    """Whether values, arrays (with types and shapes) and parts are the same."""
    return (
        first.values == second.values
        and set(first.arrays) == set(second.arrays)
        and all(
            first.arrays[name].dtype == second.arrays[name].dtype
            and first.arrays[name].shape == second.arrays[name].shape
            and np.array_equal(first.arrays[name], second.arrays[name])
            for name in first.arrays
        )
        and [name for name, _ in first.parts] == [name for name, _ in second.parts]
        and all(states_are_equal(a, b) for (_, a), (_, b) in zip(first.parts, second.parts, strict=True))
    )


def example(**changes: Any) -> Stored:
    """A bundle of two input columns and two classes; `size` makes its form larger."""
    size = changes.pop("size", 8)
    text = State({"terms": ["heart", "lung", "näive", '"quoted", [text]']}, {"weights": np.ones(4, np.float32)})
    number = State({"median": 41.5, "missing": True}, {"scale": np.array([41.5, 9.25])})
    tree = State(
        {"kind": "trees"},
        {"children": np.array([[1, 2], [-1, -1], [-1, -1]], np.int32), "values": np.linspace(0, 1, size)},
    )
    stored = Stored(
        recipe=Recipe(target="diagnosis", model=Models(candidates=(Candidate(model="svm", settings={"C": 1.0}),))),
        schema=SCHEMA,
        preprocessor=State({"columns": ["age", "notes"]}, parts=(("age", number), ("notes", text))),
        form_kind="example",
        form=State({"weights": [0.5, 0.5]}, {"bias": np.zeros((0, 2))}, (("first", tree), ("second", tree))),
        facts={"task": "binary", "classes": ["benign", "malignant"], "threshold": 0.5, "conformal": {"level": 0.9}},
        evidence={"evaluation": {"measurements": [], "task": "binary"}, "findings": {"findings": [], "not_run": []}},
        history=[{"unit": "svm-1", "seconds": 1.5}, {"unit": "svm-2", "text": "first\u2028second"}],
        card="# A card\n",
        report="<!doctype html><title>A report</title>",
        runtime=b"\x08\x0a",
    )
    return replace(stored, **changes)
