"""Anchor: the level and the spread by which the history of a window was scaled; no model learns from it.

What a model says of the scaled window is put back into the unit of the series with it (`forms/rescaled.py`). Forecasts
make this column (`tasks/forecasting.py`); nothing else is read as one. The level is held by two numbers, the
nearest float32 and what is left of it, so that a small change of a large number is not lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import BundleError
from luban.protocols import Shape, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

WIDTH = 3
_LARGEST = 1e37


@final
class Anchor:
    """A column of pairs."""

    @property
    def tensor(self) -> TensorFeature:
        return self

    def fit(self, values: pl.Series, settings: Features) -> State:
        """Nothing is learned."""
        return State({})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, 3) float32: the level in two parts, and the spread; 0, 0 and 1 for what is no pair."""
        pairs = np.tile([0.0, 1.0], (len(values), 1))
        lists = values.arr.to_list() if isinstance(values.dtype, pl.Array) else values
        if isinstance(lists.dtype, pl.List) and lists.dtype.inner.is_numeric():
            fits = np.flatnonzero((lists.list.len() == 2).fill_null(False).to_numpy())
            if len(fits):
                pairs[fits] = lists.gather(fits).explode().cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, 2)
        known = np.isfinite(pairs).all(axis=1) & (np.abs(pairs) < _LARGEST).all(axis=1)
        pairs[~known] = (0.0, 1.0)
        near = pairs[:, 0].astype(np.float32)
        return np.stack([near, (pairs[:, 0] - near).astype(np.float32), pairs[:, 1].astype(np.float32)], axis=1)

    def names(self, column: str, state: State) -> tuple[str, ...]:
        return (f"{column} level", f"{column} level, remainder", f"{column} spread")

    def baseline(self, state: State) -> Any:
        return [0.0, 1.0]

    def unreadable(self, values: pl.Series) -> pl.Series:
        return pl.Series(values.name, [False] * len(values), dtype=pl.Boolean)

    def encode(self, values: pl.Series, state: State) -> Array:
        """(rows, 3) as for a matrix."""
        return np.asarray(self.transform(values, state))

    def shape(self, state: State) -> Shape:
        return Shape("vector", (WIDTH,))

    def check(self, state: State) -> None:
        if state.values or state.arrays or state.parts:
            raise BundleError("a column of anchors holds nothing that was learned.")


feature = Anchor()
