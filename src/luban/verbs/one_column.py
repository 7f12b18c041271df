"""Which one column of a data set is read by a pretrained model that is asked as it is: of texts, images or sounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import polars as pl

from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean
from luban.data.dataset import Dataset
from luban.data.sources import text_files
from luban.schema.schema import Schema

Kind = Literal["text", "image", "audio"]
_KINDS: dict[str, Kind] = {"tokens": "text", "image": "image", "sequence": "audio"}
"""The data type for each kind of shapes."""
CALLED = {"text": "texts", "image": "images", "audio": "sounds"}
"""What the values of each data type are called."""
SEEN = 200
"""Rows by which it is seen whether a tokenizer knows the texts."""


def first_rows(dataset: Dataset, schema: Schema) -> pl.DataFrame:
    """Some rows of the column that is read."""
    return dataset.frame.select(schema.inputs[0].name).head(SEEN).collect()


def kind_of(name: str) -> Kind:
    """The data type of the column that the pretrained model of this name reads; UsageError for an unknown one."""
    from luban.origins import configs, naming

    return _KINDS[configs.reads(naming.find(name).config)]


def column_of(dataset: Dataset, text: str | None, kind: Kind = "text") -> Schema:
    """The one column that is read. Raises UsageError where it is not clear which."""
    if text is not None and text not in dataset.schema.names:
        raise UsageError(
            f"there is no column '{text}'. {did_you_mean(text, dataset.schema.names)}",
            where="--text",
            fix=f"luban inspect {dataset.where}",
        )
    if text is None and kind == "text" and dataset.of_files:
        text = text_files.TEXT
    # Few rows, or short ones, may look like names of categories.
    words = [column.name for column in dataset.schema.columns if column.kind == kind] or [
        column.name for column in dataset.schema.columns if column.dtype == "String" and kind == "text"
    ]
    if text is None and len(words) != 1:
        called = CALLED[kind]
        what = f"several columns hold {called}: {', '.join(words[:5])}" if words else f"no column holds {called}"
        raise UsageError(f"{what}.", where=dataset.where, fix=f"--text {words[0] if words else 'COLUMN'}")
    return Schema((replace(dataset.schema[text or words[0]], kind=kind, role="input"),))
