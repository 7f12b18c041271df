"""Texts that were written: what is shown of them, and how many of the texts to learn from were too long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, PerRow, Ragged
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl

SHOWN = 8
"""Test rows that are shown, evenly spaced."""
MOST_CHARACTERS = 300
"""Of each of their texts."""


def pictures(schema: Schema, frame: pl.DataFrame, target: PerRow, answers: Answers) -> Mapping[str, Any]:
    """A few test rows: what was read, what was wanted, what was written. frame: the raw test rows."""
    assert isinstance(target, Ragged) and isinstance(answers.prediction, Ragged), "texts were written"
    some = np.unique(np.linspace(0, len(target) - 1, min(SHOWN, len(target))).astype(np.int64))
    read = frame[schema.inputs[0].name]
    lines = zip(
        [str(read[int(row)]) for row in some], target[some].texts(), answers.prediction[some].texts(), strict=True
    )
    names = ("read", "wanted", "written")
    rows = [dict(zip(names, (_short(text) for text in line), strict=True)) for line in lines]
    return {"texts": {"examples": rows}}


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."
