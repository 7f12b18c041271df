"""The preprocessor: what was learned of the training rows to turn raw columns into numbers. It never looks at a target.

The outputs of number columns come first, all encoded in one pass, so that one row takes little time; then the other
columns follow in the order of the schema.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
import polars as pl

from luban.batch import matrix
from luban.core import registry
from luban.core.errors import BundleError, DataError
from luban.features import number
from luban.protocols import Feature, State
from luban.recipe.recipe import Features
from luban.schema.schema import Schema

if TYPE_CHECKING:
    from luban.batch import Inputs

_NUMBER = "number"


@final
@dataclass(frozen=True)
class Part:
    """A column, its data type, and what was learned of it."""

    column: str
    kind: str
    state: State

    @property
    def feature(self) -> Feature:
        found: Feature = registry.find("features", self.kind)
        return found


@final
@dataclass(frozen=True)
class Preprocessor:
    """How the input columns become numbers.

    >>> frame = pl.DataFrame({"age": [20.0, 40.0, None], "town": ["Ulm", "Ulm", "Bonn"]})
    >>> from luban.schema.schema import Column
    >>> kinds = {"age": "number", "town": "category"}
    >>> schema = Schema(tuple(Column(n, k, "input", "", str(frame[n].dtype)) for n, k in kinds.items()))
    >>> preprocessor = Preprocessor.fit(frame, schema, Features(category_floor=2))
    >>> preprocessor.names
    ('age', 'age is missing', 'town=Ulm', 'town is rare')
    >>> preprocessor.transform(frame).tolist()
    [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    """

    parts: tuple[Part, ...]

    @classmethod
    def fit(cls, frame: pl.DataFrame, schema: Schema, settings: Features) -> Self:
        """What the training rows teach of each input column of the schema.

        frame: training rows only, or a sample of them.
        Raises DataError when the schema has no input column.
        """
        if not schema.inputs:
            raise DataError("no column is left to learn from.", fix="luban inspect DATA shows why each was left out")
        ordered = sorted(schema.inputs, key=lambda column: column.kind != _NUMBER)
        kinds = {column.name: column.kind for column in ordered}
        return cls(
            tuple(
                Part(name, kind, registry.find("features", kind).fit(frame.get_column(name), settings))
                for name, kind in kinds.items()
            )
        )

    def transform(self, frame: pl.DataFrame) -> Inputs:
        """(rows, width) float32, finite; csr where a text column is among them. Each row by itself."""
        if not self.parts:
            return np.zeros((len(frame), 0), np.float32)
        encoded = [self._numbers(frame)] if self._number_columns else []
        others = self.parts[len(self._number_columns) :]
        encoded += [part.feature.transform(frame.get_column(part.column), part.state) for part in others]
        if not self.sparse:
            return encoded[0] if len(encoded) == 1 else np.hstack([matrix(each) for each in encoded])
        from scipy.sparse import csr_matrix, hstack

        return csr_matrix(hstack([csr_matrix(inputs) for inputs in encoded], format="csr", dtype=np.float32))

    def _numbers(self, frame: pl.DataFrame) -> Inputs:
        return number.feature.transform_block(frame, self._number_columns, self._block)

    @cached_property
    def _number_columns(self) -> tuple[str, ...]:
        return tuple(part.column for part in self.parts if part.kind == _NUMBER)

    @cached_property
    def _block(self) -> number.Block:
        return number.feature.block([part.state for part in self.parts if part.kind == _NUMBER])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each output."""
        return tuple(name for part in self.parts for name in part.feature.names(part.column, part.state))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The column from which each output comes."""
        return tuple(part.column for part in self.parts for _ in part.feature.names(part.column, part.state))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `transform` reads."""
        return tuple(part.column for part in self.parts)

    @cached_property
    def width(self) -> int:
        """How many outputs there are."""
        return len(self.sources)

    @cached_property
    def sparse(self) -> bool:
        """Whether `transform` gives csr rows."""
        return any(part.kind == "text" for part in self.parts)

    def baselines(self) -> dict[str, Any]:
        """The value of each column in a row about which nothing is known."""
        return {part.column: part.feature.baseline(part.state) for part in self.parts}

    def unscaled(self) -> Self:
        """The preprocessor that does the same without scaling: numbers in their own unit, times in days since 1970."""
        plain = (getattr(part.feature, "unscaled", lambda state: state)(part.state) for part in self.parts)
        return replace(self, parts=tuple(replace(p, state=state) for p, state in zip(self.parts, plain, strict=True)))

    def state(self) -> State:
        """All of it as data: the state of each column is a part."""
        kinds = [part.kind for part in self.parts]
        return State({"kinds": kinds}, parts=tuple((part.column, part.state) for part in self.parts))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        """The preprocessor of a state. Raises BundleError when the state could not come from `state()`."""
        kinds = state.values.get("kinds")
        if set(state.values) != {"kinds"} or state.arrays or not isinstance(kinds, list) or not kinds:
            raise BundleError("the preprocessing must hold the kinds of its columns and nothing else.")
        columns = [column for column, _ in state.parts]
        if len(columns) != len(kinds) or len(set(columns)) < len(columns):
            raise BundleError("the preprocessing must hold one kind for each column, and no column twice.")
        # Only the data types that luban has itself: a bundle cannot name what is then imported.
        unknown = [kind for kind in kinds if kind not in registry.names("features")]
        if unknown:
            raise BundleError(f"the preprocessing names the data type {unknown[0]!r:.40}, which this luban has not.")
        if sorted(kinds, key=lambda kind: kind != _NUMBER) != kinds:
            raise BundleError("the preprocessing must have its number columns first.")
        parts = tuple(Part(name, kind, part) for (name, part), kind in zip(state.parts, kinds, strict=True))
        for part in parts:
            try:
                part.feature.check(part.state)
            except BundleError as error:
                raise BundleError(error.message, where=f"column '{part.column}'") from None
        return cls(parts)
