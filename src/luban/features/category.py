"""Categories: one indicator each for the frequent ones, one for the rare ones, one for a missing value.

An output exists only where training rows give it a meaning. A category never seen counts as rare; where no training
category was rare, and for a missing value where none was missing, all outputs are 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import BundleError
from luban.protocols import State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

_KEYS = {"categories", "rare", "missing"}
_MOST = 1_000_000


@final
class Category:
    """One column of categories, as text."""

    tensor: ClassVar[TensorFeature | None] = None

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The categories that reach the frequency floor, the commonest first; at most `category_limit` of them."""
        text = values.cast(pl.String)
        seen = (
            text.drop_nulls()
            .rename("value")
            .value_counts(name="rows")
            .sort(["rows", "value"], descending=[True, False])
        )
        reached = seen.filter(pl.col("rows") >= settings.category_floor)["value"]
        frequent = reached.head(settings.category_limit).to_list()
        return State({"categories": frequent, "rare": len(frequent) < len(seen), "missing": text.null_count() > 0})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        width = _width(state)
        out = np.zeros((len(values), width + 1), dtype=np.float32)
        # The last column takes what has no output of its own; it is cut off.
        out[np.arange(len(values)), _codes(values, state, width)] = 1.0
        return out[:, :width]

    def names(self, column: str, state: State) -> tuple[str, ...]:
        own = tuple(f"{column}={category}" for category in state.values["categories"])
        rare = (f"{column} is rare",) if state.values["rare"] else ()
        return own + rare + ((f"{column} is missing",) if state.values["missing"] else ())

    def baseline(self, state: State) -> Any:
        """The commonest category; None where every category was rare."""
        return next(iter(state.values["categories"]), None)

    def unreadable(self, values: pl.Series) -> pl.Series:
        return values.is_not_null() & values.cast(pl.String, strict=False).is_null()

    def check(self, state: State) -> None:
        values = state.values
        if set(values) != _KEYS or state.arrays or state.parts:
            raise BundleError(f"a category column must hold {', '.join(sorted(_KEYS))}.")
        categories = values["categories"]
        if not isinstance(categories, list) or not all(isinstance(category, str) for category in categories):
            raise BundleError("the categories of a column must be a list of texts.")
        if len(categories) > _MOST or len(set(categories)) < len(categories):
            raise BundleError(f"the categories of a column must differ, and be at most {_MOST:,}.")
        if not isinstance(values["rare"], bool) or not isinstance(values["missing"], bool):
            raise BundleError("a category column must say with true or false whether it has rare and missing values.")


feature = Category()


def _codes(values: pl.Series, state: State, width: int) -> Array:
    """(rows,) the output of each value; `width` for none."""
    learned = state.values
    own = {category: code for code, category in enumerate(learned["categories"])}
    unseen = len(own) if learned["rare"] else width
    missing = width - 1 if learned["missing"] else unseen
    text = values if values.dtype == pl.String else values.cast(pl.String)
    codes = (missing if value is None else own.get(value, unseen) for value in text.to_list())
    return np.fromiter(codes, dtype=np.int64, count=len(values))


def _width(state: State) -> int:
    return len(state.values["categories"]) + int(state.values["rare"]) + int(state.values["missing"])
