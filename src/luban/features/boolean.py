"""Booleans: 1 for true, 0 for false; a missing value becomes the commoner of both and has an indicator.

The words that mean true and false are here and nowhere else: inference and targets ask this module.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import polars as pl

from luban.core.errors import BundleError
from luban.protocols import State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

TRUE = frozenset({"true", "t", "yes", "y", "on", "1", "1.0", "是", "真"})
"""What means true, in lower case."""
FALSE = frozenset({"false", "f", "no", "n", "off", "0", "0.0", "否", "假"})
"""What means false, in lower case."""
FEW = 64
"""Up to so many rows, Python looks at words faster than polars begins to: one row takes a fiftieth of the time."""


def parse(values: pl.Series) -> pl.Series:
    """(rows,) Boolean; null where the value is missing or means neither.

    >>> parse(pl.Series(["Yes", " no", "maybe", None])).to_list()
    [True, False, None, None]
    """
    if values.dtype == pl.Boolean:
        return values
    words = values if values.dtype == pl.String else values.cast(pl.String, strict=False)
    if len(words) <= FEW:
        return pl.Series(values.name, [_truth(word) for word in words.to_list()], dtype=pl.Boolean)
    said = pl.col(values.name).str.strip_chars().str.to_lowercase()
    truth = pl.when(said.is_in(list(TRUE))).then(True).when(said.is_in(list(FALSE))).then(False).otherwise(None)
    return words.to_frame().select(truth.alias(values.name)).to_series()


@functools.lru_cache(maxsize=256)
def _truth(word: str | None) -> bool | None:
    if word is None:
        return None
    said = word.strip().lower()
    return True if said in TRUE else False if said in FALSE else None


@final
class Boolean:
    """One column of true and false."""

    tensor: ClassVar[TensorFeature | None] = None

    def fit(self, values: pl.Series, settings: Features) -> State:
        truth = parse(values)
        known = truth.drop_nulls()
        return State({"commoner": 2 * int(known.sum() or 0) > len(known), "missing": len(known) < len(truth)})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        truth = parse(values).cast(pl.Float32).to_numpy()
        missing = np.isnan(truth)
        filled = np.where(missing, np.float32(state.values["commoner"]), truth)
        columns = [filled, missing] if state.values["missing"] else [filled]
        return np.stack(columns, axis=1).astype(np.float32, copy=False)

    def names(self, column: str, state: State) -> tuple[str, ...]:
        return (column, f"{column} is missing") if state.values["missing"] else (column,)

    def baseline(self, state: State) -> Any:
        return state.values["commoner"]

    def unreadable(self, values: pl.Series) -> pl.Series:
        return values.is_not_null() & parse(values).is_null()

    def check(self, state: State) -> None:
        values = state.values
        known = set(values) == {"commoner", "missing"} and all(isinstance(value, bool) for value in values.values())
        if not known or state.arrays or state.parts:
            raise BundleError("a boolean column must hold true or false for 'commoner' and 'missing'.")


feature = Boolean()
