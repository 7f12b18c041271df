"""The profile of a data set: each column in figures, as `evidence/profile.json` holds it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from luban.data import loader
from luban.data.dataset import Dataset
from luban.features import datetime
from luban.schema.schema import Column, Schema

MOST_ROWS = 200_000
"""Rows that figures are made of; of more, so many are taken evenly."""
BARS = 20
TOP = 10
MOST_COLUMNS = 1_000
"""Columns that have a summary; the others are listed without."""
LONGEST = 60
"""Characters of a value that are shown."""


def profile(dataset: Dataset, schema: Schema) -> dict[str, Any]:
    """The document: rows, name, what was guessed and left out, and for each column its meaning and a summary.

    >>> from luban.data.open import open_dataset
    >>> people = open_dataset({"age": [20, 30, 40]})
    >>> profile(people, people.schema)["columns"][0]["summary"]["mean"]
    30.0
    """
    shown = [column.name for column in schema.columns[:MOST_COLUMNS]]
    rows = np.linspace(0, dataset.rows - 1, min(dataset.rows, MOST_ROWS)).astype(np.int64)
    some = loader.take(dataset.frame, rows, shown)
    return {
        "rows": dataset.rows,
        "name": dataset.name,
        "facts": dict(dataset.facts),
        "dropped": dict(dataset.dropped),
        "columns": [_column(column, some) for column in schema.columns],
    }


def _column(column: Column, frame: pl.DataFrame) -> dict[str, Any]:
    document: dict[str, Any] = {key: value for key, value in vars(column).items() if key != "missing_words"}
    if column.name in frame.columns:
        document["summary"] = _summary(column, frame.get_column(column.name).drop_nulls())
    return document


def _summary(column: Column, values: pl.Series) -> dict[str, Any]:
    if values.is_empty() or values.dtype.is_nested():
        return {}
    if column.kind == "datetime":
        times = datetime.parse(values, datetime.reading(values)).drop_nulls()
        return {} if times.is_empty() else {"min": str(times.min()), "max": str(times.max())}
    if values.dtype.is_numeric() and column.kind != "category":
        return _numbers(values.cast(pl.Float64))
    if column.kind == "text":
        words = values.str.count_matches(r"\S+")
        return {"words": {"median": words.median(), "max": words.max()}}
    if column.kind in ("identifier", "image", "audio", "series"):
        return {"example": _shown(values[0])}
    top = (
        values.cast(pl.String)
        .rename("value")
        .value_counts(name="rows")
        .sort(["rows", "value"], descending=[True, False])
    )
    return {"top": [[_shown(value), count] for value, count in top.head(TOP).iter_rows()]}


def _numbers(values: pl.Series) -> dict[str, Any]:
    known = values.to_numpy()
    known = np.sort(known[np.isfinite(known)])
    if not len(known):
        return {}
    # The squares and distances of the largest numbers are beyond what is finite: a power of two makes them small.
    unit = 2.0**600 if np.abs(known[[0, -1]]).max() > 1e150 else 1.0
    small = known / unit
    counts, edges = np.histogram(small, bins=BARS)
    figures = {
        "min": known[0],
        "median": np.median(small) * unit,
        "max": known[-1],
        "mean": np.clip(small.mean() * unit, known[0], known[-1]),
        "sd": small.std() * unit,
    }
    summary: dict[str, Any] = {key: float(value) for key, value in figures.items()}
    return summary | {"histogram": {"edges": (edges * unit).tolist(), "counts": counts.tolist()}}


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
