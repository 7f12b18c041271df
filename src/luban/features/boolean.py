"""Booleans: 1 for true, 0 for false; a missing value becomes the commoner of both and has an indicator.

The words that mean true and false are here and nowhere else: inference and targets ask this module.
"""

from __future__ import annotations

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


def parse(values: pl.Series) -> pl.Series:
    """(rows,) Boolean; null where the value is missing or means neither.

    >>> parse(pl.Series(["Yes", " no", "maybe", None])).to_list()
    [True, False, None, None]
    """
    if values.dtype == pl.Boolean:
        return values
    words = values.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    frame = pl.DataFrame({"words": words})
    truth = pl.when(pl.col("words").is_in(list(TRUE))).then(True).when(pl.col("words").is_in(list(FALSE))).then(False)
    return frame.select(truth.otherwise(None).alias(values.name)).to_series()


@final
class Boolean:
    """One column of true and false."""

    tensor: ClassVar[TensorFeature | None] = None

    def fit(self, values: pl.Series, settings: Features) -> State:
        truth = parse(values)
        known = truth.drop_nulls()
        return State({"commoner": 2 * int(known.sum() or 0) > len(known), "missing": len(known) < len(truth)})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        truth = parse(values)
        out = np.empty((len(values), 1 + int(state.values["missing"])), dtype=np.float32)
        out[:, 0] = truth.fill_null(state.values["commoner"]).to_numpy()
        if state.values["missing"]:
            out[:, 1] = truth.is_null().to_numpy()
        return out

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
