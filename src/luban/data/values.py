"""The raw values of a column as plain arrays, for looking at them. Encoding for models is in `features`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array, PerRow, Ragged

if TYPE_CHECKING:
    import polars as pl


def floats(values: pl.Series) -> Array:
    """(rows,) float64: numbers as they are, booleans as 0 and 1, dates as days since 1970; NaN where there is none.

    Infinities stay. Text that is not a number is NaN.

    >>> import polars as pl
    >>> floats(pl.Series([1, None, 3])).tolist()
    [1.0, nan, 3.0]
    """
    import polars as pl

    if values.dtype == pl.Date or values.dtype == pl.Datetime:
        microseconds = values.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64)
        return (microseconds / 86_400e6).fill_null(np.nan).to_numpy()
    if values.dtype.is_temporal():
        values = values.cast(pl.Int64)
    if values.dtype.is_nested():
        return np.full(len(values), np.nan)
    return values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()


def known(target: PerRow, *, several: bool = False) -> Array:
    """(rows,) boolean: whether a row has a target, as its task encodes it: finite values, codes from 0 on.

    A sequence is known where any step of it is; one without a step is not. several: whether (rows, targets) are those
    of several targets, of which one is enough.

    >>> known(np.array([1.5, np.nan])).tolist(), known(Ragged.of_texts(["a", ""])).tolist()
    ([True, False], [True, False])
    """
    if isinstance(target, Ragged):
        row = np.repeat(np.arange(len(target)), target.lengths)
        return np.bincount(row[_known(target.values)], minlength=len(target)) > 0
    found = _known(target)
    if found.ndim == 1:
        return found
    return np.asarray(found.any(axis=1) if several else found.all(axis=1))


def _known(values: Array) -> Array:
    return np.asarray(np.isfinite(values) if values.dtype.kind == "f" else values >= 0)


def codes(values: pl.Series) -> Array:
    """(rows,) int64: equal values have equal codes, from 0 in the order in which they appear; -1 where there is none.

    >>> import polars as pl
    >>> codes(pl.Series(["b", "a", None, "b"])).tolist()
    [0, 1, -1, 0]
    """
    known = values.is_not_null().to_numpy()
    # By their hash, which takes values of any type; two different values share one with a probability of 2**-64.
    _, first, inverse = np.unique(values.hash().to_numpy()[known], return_index=True, return_inverse=True)
    found = np.full(len(values), -1, dtype=np.int64)
    found[known] = np.argsort(np.argsort(first))[inverse]
    return found
