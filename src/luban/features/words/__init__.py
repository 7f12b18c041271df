"""Words: a text whose words stand apart, or a list of them, of which each gets an answer of its own.

Networks see a step for each word (`steps`), whatever there is in it; a row is never cut, since each word is answered.
A line of a matrix can hold no word by itself: other models see how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import polars as pl

from luban.core.errors import BundleError
from luban.features.words import pieces
from luban.features.words.cutting import count, cut
from luban.features.words.steps import Steps
from luban.protocols import Cut, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

__all__ = ["count", "cut", "feature"]


@final
class Words:
    """A column of words."""

    tensor: ClassVar[TensorFeature | None] = Steps()

    def fit(self, values: pl.Series, settings: Features) -> State:
        """Nothing is learned."""
        return State({})

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, 1) float32: log(1 + words)."""
        return np.log1p(count(values).to_numpy().astype(np.float32))[:, None]

    def names(self, column: str, state: State) -> tuple[str, ...]:
        return (f"{column}: how many words",)

    def baseline(self, state: State) -> Any:
        return ""

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The words of the one row in `values`. One that is left out stays a step: a word without a letter."""
        return pieces.cut(values, most)

    def unreadable(self, values: pl.Series) -> pl.Series:
        return values.is_not_null() & cut(values).is_null()

    def check(self, state: State) -> None:
        if state.values or state.arrays or state.parts:
            raise BundleError("a column of words must hold nothing.")


feature = Words()
