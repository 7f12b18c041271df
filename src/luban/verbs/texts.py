"""Rows that are answered by a text, or by a tag for each word: a few of them, to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
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


def pictures(
    schema: Schema,
    frame: pl.DataFrame,
    target: PerRow,
    answers: Answers,
    classes: tuple[str, ...] = (),
    read: str | None = None,
) -> Mapping[str, Any]:
    """A few test rows: what was read, what was wanted, what was written. frame: the raw test rows.

    classes: names of tags, where each word has one. read: the column that is shown; the first input if none is named.
    """
    assert isinstance(target, Ragged) and isinstance(answers.prediction, Ragged), "rows were answered by sequences"
    some = np.unique(np.linspace(0, len(target) - 1, min(SHOWN, len(target))).astype(np.int64))
    shown = frame[read or schema.inputs[0].name]
    lines = zip(
        [_joined(shown[int(row)]) for row in some],
        _written(target[some], classes),
        _written(answers.prediction[some], classes),
        strict=True,
    )
    names = ("read", "wanted", "written")
    rows = [dict(zip(names, (_short(text) for text in line), strict=True)) for line in lines]
    return {"texts": {"examples": rows}}


def _written(rows: Ragged, classes: tuple[str, ...]) -> list[str]:
    """The texts of bytes, or of the names of codes."""
    if not classes:
        return rows.texts()
    names = [classes[code] for code in rows.values]
    return [" ".join(names[low:high]) for low, high in pairwise(rows.offsets.tolist())]


def _joined(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."
