"""Lags: the scaled history of a window of a series, as many values in every row, the oldest first.

Forecasts make this column (`tasks/forecasting.py`); nothing else is read as one. For networks it is a sequence of one
channel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array, Ragged
from luban.core.errors import BundleError
from luban.evidence.explanation import Unit
from luban.features import _pieces
from luban.features._learning import is_whole
from luban.protocols import Cut, Shape, Shown, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

MOST = 100_000
_LIMIT = 1e6


@final
class Lags:
    """A column of histories of equal length, which need no scaling any more."""

    @property
    def tensor(self) -> TensorFeature:
        return self

    def fit(self, values: pl.Series, settings: Features) -> State:
        """How long the histories are."""
        lists = _lists(values)
        longest = int(lists.list.len().max() or 1) if lists is not None else 1  # type: ignore[arg-type]
        return State({"length": min(max(longest, 1), MOST)})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, length) float32; a row that is no history of this length is one of zeros: the level itself."""
        length = state.values["length"]
        if values.dtype == pl.Array(pl.Float64, length) and not values.null_count():
            return _limited(values.to_numpy())
        lists = _lists(values)
        found = np.zeros((len(values), length))
        if lists is not None:
            fits = np.flatnonzero((lists.list.len() == length).fill_null(False).to_numpy())
            if len(fits):
                whole = lists.gather(fits).explode().cast(pl.Float64, strict=False).fill_null(0.0)
                found[fits] = whole.to_numpy().reshape(-1, length)
        return _limited(found)

    def names(self, column: str, state: State) -> tuple[str, ...]:
        return tuple(f"{column} {steps} before" for steps in range(state.values["length"], 0, -1))

    def baseline(self, state: State) -> Any:
        return [0.0] * state.values["length"]

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The windows of the one history in `values`; what is left out is at the level that it was scaled by."""
        length = state.values["length"]
        steps = np.asarray(self.transform(values, state), np.float64)[0]
        edges = _pieces.evenly(length, min(_pieces.STRETCHES, most))
        units = (
            Unit(_before(length - begin, length - end), values.name, _pieces.mean(steps[begin:end]), (begin, end))
            for begin, end in pairwise(edges.tolist())
        )

        def masked(stays: Array) -> pl.Series:
            return pl.Series(values.name, np.where(_pieces.told_apart(stays, edges), steps, 0.0))

        return Cut(tuple(units), masked, shown=Shown("series", steps[:, None]))

    def unreadable(self, values: pl.Series) -> pl.Series:
        return pl.Series(values.name, [False] * len(values), dtype=pl.Boolean)

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged float32 (steps, 1), all of one length."""
        rows = np.asarray(self.transform(values, state))
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * state.values["length"]
        return Ragged(rows.reshape(-1, 1), offsets)

    def shape(self, state: State) -> Shape:
        return Shape("sequence", (1,), longest=state.values["length"], center=(0.0,), spread=(1.0,))

    def check(self, state: State) -> None:
        if set(state.values) != {"length"} or state.arrays or state.parts:
            raise BundleError("a column of lags must hold their length and nothing else.")
        if not is_whole(state.values["length"], 1, MOST):
            raise BundleError(f"the length of a column of lags must be 1 to {MOST}.")


feature = Lags()


def _lists(values: pl.Series) -> pl.Series | None:
    if isinstance(values.dtype, pl.Array):
        return values.arr.to_list()
    return values if isinstance(values.dtype, pl.List) and values.dtype.inner.is_numeric() else None


def _before(first: int, behind: int) -> str:
    """The name of a window of a history.

    >>> _before(3, 0), _before(1, 0)
    ('3 to 1 steps before', '1 step before')
    """
    if first - behind > 1:
        return f"{first} to {behind + 1} steps before"
    return f"{first} step{'s' if first > 1 else ''} before"


def _limited(rows: Array) -> Inputs:
    return np.clip(np.nan_to_num(rows, nan=0.0), -_LIMIT, _LIMIT).astype(np.float32)
