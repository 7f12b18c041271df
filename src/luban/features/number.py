"""Numbers: a missing one becomes the median, all are scaled. The feature that encodes many columns in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import BundleError
from luban.features import _scaling
from luban.protocols import State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

_KEYS = {"median", "center", "spread", "limit", "missing"}


@final
@dataclass(frozen=True)
class Block:
    """What is known of several number columns, side by side: arrays with one entry a column."""

    median: Array
    center: Array
    spread: Array
    limit: Array
    with_missing: Array
    """The columns that have an indicator of missing values, which follows their value."""
    values_at: Array
    """Where the value of each column goes."""
    width: int


@final
class Number:
    """A number column: its scaled value, and an indicator of missing values where training rows had any."""

    tensor: ClassVar[TensorFeature | None] = None

    def fit(self, values: pl.Series, settings: Features) -> State:
        raw = _floats(values)
        return State({**_scaling.learn(raw, settings.scale), "missing": bool(np.isnan(raw).any())})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        return _encode(_floats(values)[:, None], self.block([state]))

    def transform_block(self, frame: pl.DataFrame, columns: Sequence[str], block: Block) -> Inputs:
        """(rows, block.width) float32: what `transform` gives for each column, side by side, in one pass."""
        raw = frame[list(columns)].to_numpy()
        if raw.dtype.kind not in "biuf":
            # A column of texts or decimals made objects of all: cast first. That is 5 times slower for one row.
            raw = frame.select(pl.col(columns).cast(pl.Float64, strict=False)).to_numpy()
        return _encode(raw.astype(np.float64, copy=False), block)

    def block(self, states: Sequence[State]) -> Block:
        """The states side by side, for `transform_block`."""
        learned = [state.values for state in states]
        missing = np.array([values["missing"] for values in learned], dtype=bool)
        widths = 1 + missing.astype(np.int64)
        parts = {
            key: np.array([values[key] for values in learned], dtype=np.float64)
            for key in ("median", "center", "spread", "limit")
        }
        return Block(
            **parts,
            with_missing=np.flatnonzero(missing),
            values_at=np.cumsum(widths) - widths,
            width=int(widths.sum()),
        )

    def names(self, column: str, state: State) -> tuple[str, ...]:
        return (column, f"{column} is missing") if state.values["missing"] else (column,)

    def baseline(self, state: State) -> Any:
        return state.values["median"]

    def unscaled(self, state: State) -> State:
        """The state that does the same without scaling."""
        return State({**_scaling.unscaled(state.values["median"]), "missing": state.values["missing"]})

    def unreadable(self, values: pl.Series) -> pl.Series:
        return values.is_not_null() & values.cast(pl.Float64, strict=False).is_null()

    def check(self, state: State) -> None:
        values = dict(state.values)
        if set(values) != _KEYS or state.arrays or state.parts or not isinstance(values["missing"], bool):
            raise BundleError(f"a number column must hold {', '.join(sorted(_KEYS))} and nothing else.")
        problem = _scaling.problem(values)
        if problem is not None:
            raise BundleError(f"a number column is damaged: {problem}.")


feature = Number()


def _floats(values: pl.Series) -> Array:
    """(rows,) float64; NaN where there is no number."""
    return values.cast(pl.Float64, strict=False).to_numpy()


def _encode(raw: Array, block: Block) -> Inputs:
    """(rows, block.width) float32 from (rows, columns) float64 in which a missing value is NaN."""
    missing = np.isnan(raw)
    filled = np.where(missing, block.median, raw)
    # What overflows is infinite, and stops at the limit like infinity itself.
    with np.errstate(over="ignore"):
        scaled = np.clip((filled - block.center) / block.spread, -block.limit, block.limit)
    if not len(block.with_missing):
        return scaled.astype(np.float32)
    out = np.empty((len(raw), block.width), dtype=np.float32)
    out[:, block.values_at] = scaled
    out[:, block.values_at[block.with_missing] + 1] = missing[:, block.with_missing]
    return out
