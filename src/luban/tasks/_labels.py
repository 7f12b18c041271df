"""Class names: how the values of a target column are written as text, and how classes are told from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from luban.core.errors import DataError, UsageError
from luban.core.suggest import did_you_mean

if TYPE_CHECKING:
    from luban.batch import Array

MOST_CLASSES = 1000
"""More classes than this are rather values or identifiers; and each costs a column of outputs."""
LABEL_SEPARATOR = "|"
"""Between the labels of a row, where they are written in one text."""


def texts(target: pl.Series) -> pl.Series:
    """The values as class names: whole numbers without a point, booleans as `true` and `false`, texts without margins.

    Empty texts and NaN are missing.

    >>> texts(pl.Series([1.0, 2.0, None])).to_list(), texts(pl.Series([True, False])).to_list()
    (['1', '2', None], ['true', 'false'])
    """
    if target.dtype.is_float():
        known = target.fill_nan(None)
        whole = (known.drop_nulls() == known.drop_nulls().round()).all() and (known.drop_nulls().abs() < 2**53).all()
        return (known.cast(pl.Int64) if whole else known).cast(pl.String)
    written = target.cast(pl.String).str.strip_chars()
    return written.replace("", None)


def ordered(names: pl.Series) -> list[str]:
    """The different names in the order of their numbers, where all are numbers, else of the alphabet.

    >>> ordered(pl.Series(["10", "9", None]))
    ['9', '10']
    """
    distinct = names.drop_nulls().unique()
    numbers = distinct.cast(pl.Float64, strict=False)
    if numbers.null_count() == 0:
        return distinct.to_frame("name").with_columns(number=numbers).sort("number", "name")["name"].to_list()
    return sorted(distinct.to_list())


def classes_of(target: pl.Series, fewest: int = 2) -> list[str]:
    """The classes of a target, ordered. DataError where there are too few, or so many that they are no classes."""
    found = ordered(texts(target))
    where = f"column '{target.name}'"
    if not found:
        raise DataError("the target has no values.", where=where, fix="choose another --target")
    if len(found) < fewest:
        raise DataError(
            f"all rows with a target are '{found[0]}'; {fewest} classes are needed to tell them apart.",
            where=where,
            fix="choose another --target, or add rows of another class",
        )
    if len(found) > MOST_CLASSES:
        raise DataError(
            f"{len(found):,} different values are too many classes; {MOST_CLASSES:,} is the most.",
            where=where,
            fix="--task regression if it is a quantity, or choose another --target",
        )
    return found


def codes(target: pl.Series, classes: tuple[str, ...]) -> Array:
    """(rows,) int64: the place of each value among the classes; -1 where it is missing or not among them."""
    number = {name: code for code, name in enumerate(classes)}
    found = texts(target).replace_strict(number, default=-1, return_dtype=pl.Int64)
    return found.fill_null(-1).to_numpy().astype(np.int64)


def known_positive(positive: str, classes: list[str]) -> str:
    """The class that was named as positive. UsageError with the near name when there is none."""
    if positive not in classes:
        raise UsageError(
            f"the target has no class '{positive}'. {did_you_mean(positive, classes)}",
            where="--positive",
            fix=f"--positive {classes[-1]}",
        )
    return positive
