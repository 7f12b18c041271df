"""The values of a column as texts."""

from __future__ import annotations

import polars as pl


def as_texts(values: pl.Series) -> pl.Series:
    """(rows,) String; missing where there is none: lists, arrays and bytes are no texts.

    >>> as_texts(pl.Series([1.5, None])).to_list(), as_texts(pl.Series([["a"]])).to_list()
    (['1.5', None], [None])
    """
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        return pl.Series(values.name, [None] * len(values), dtype=pl.String)
    return values.cast(pl.String, strict=False)
