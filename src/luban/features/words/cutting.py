"""Rows of words or of tags: what stands between white space, or the entries of a list."""

from __future__ import annotations

import polars as pl


def cut(values: pl.Series) -> pl.Series:
    """(rows,) List(String): the words of each row; missing where there is no text, or what is no text.

    >>> cut(pl.Series(["Ulm  is old", "", None])).to_list(), cut(pl.Series([["New York", "is"]])).to_list()
    ([['Ulm', 'is', 'old'], [], None], [['New York', 'is']])
    """
    if isinstance(values.dtype, pl.List | pl.Array) and not values.dtype.inner.is_nested():
        lists = values.cast(pl.List(values.dtype.inner)).cast(pl.List(pl.String), strict=False)
        return lists.list.eval(pl.element().fill_null(""))
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        return pl.Series(values.name, [None] * len(values), dtype=pl.List(pl.String))
    return values.cast(pl.String, strict=False).str.extract_all(r"\S+")


def count(values: pl.Series) -> pl.Series:
    """(rows,) how many words each row has; 0 where there is no text.

    >>> count(pl.Series(["a b", None])).to_list()
    [2, 0]
    """
    return cut(values).list.len().fill_null(0)
