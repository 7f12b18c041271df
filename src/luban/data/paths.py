"""Columns of paths: values that name images or sounds on disk. Reading those is the features' work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

import polars as pl

from luban.core.suggest import fold
from luban.data.infer import AUDIO, IMAGES, NEARLY_ALL
from luban.schema.schema import Schema

KINDS = ("audio", "image")
"""Data types whose values may be paths."""
LOOKED_AT = 200
"""Values by which a column is known as one of paths."""


def resolved(frame: pl.LazyFrame, folder: Path, asked: Mapping[str, str], like: Schema | None) -> pl.LazyFrame:
    """The table with its paths as they are found from anywhere: those that are not absolute start from `folder`.

    A column counts where its data type was asked for or is known (`like`), or nearly all of its values end as images
    or sounds do. It stays as it is where its first file does not lie in the folder.
    """
    texts = [name for name, dtype in frame.collect_schema().items() if dtype == pl.String]
    if not texts:
        return frame
    kinds = {column.name: column.kind for column in like.columns} if like is not None else {}
    kinds |= {name: fold(kind) for name, kind in asked.items()}
    changes = []
    for values in frame.select(texts).head(LOOKED_AT).collect():
        known = values.drop_nulls()
        name = values.name
        is_path = kinds[name] in KINDS if name in kinds else _are_files(known)
        if is_path and len(known) and not PurePath(known[0]).is_absolute() and Path(folder, known[0]).exists():
            column = pl.col(name)
            absolute = column.str.starts_with("/") | column.is_null()
            from_folder = pl.lit(f"{folder.absolute()}/") + column
            changes.append(pl.when(absolute).then(column).otherwise(from_folder).alias(name))
    return frame.with_columns(changes) if changes else frame


def _are_files(values: pl.Series) -> bool:
    """Whether nearly all values end as names of images do, or as names of sounds."""
    endings = [PurePath(value).suffix.lower() for value in values.to_list()]
    return any(sum(each in known for each in endings) > NEARLY_ALL * len(endings) - 1e-9 for known in (IMAGES, AUDIO))
