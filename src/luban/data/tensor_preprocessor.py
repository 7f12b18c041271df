"""The preprocessor of networks: each column of texts, images, sounds or series becomes tensors of its own, and all other
columns together become one matrix, by the `Preprocessor`. It never looks at a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, final

from luban.batch import Array, Ragged, Tensors
from luban.collate import LENGTHS, TABLE
from luban.core import registry
from luban.core.errors import BundleError, DataError
from luban.data.preprocessor import Part, Preprocessor
from luban.protocols import Shape, State, TensorFeature
from luban.recipe.recipe import Features
from luban.schema.schema import Column, Schema

if TYPE_CHECKING:
    import polars as pl


def has_tensors(columns: Sequence[Column]) -> bool:
    """Whether a network sees any of these columns by itself; else it sees the matrix that every model sees."""
    return any(_tensor(column.kind) is not None for column in columns)


@final
@dataclass(frozen=True)
class TensorPreprocessor:
    """How the input columns become tensors. parts: the columns that have their own. table: the others, if any.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"age": [20.0, 40.0], "pulse": [[1.0, 2.0, 3.0], [5.0]]})
    >>> kinds = {"age": "number", "pulse": "series"}
    >>> schema = Schema(tuple(Column(n, k, "input", "", str(frame[n].dtype)) for n, k in kinds.items()))
    >>> rows = TensorPreprocessor.fit(frame, schema, Features()).transform(frame)
    >>> rows.parts["table"].tolist(), rows.parts["pulse"].lengths.tolist()
    ([[-1.0], [1.0]], [3, 1])
    """

    parts: tuple[Part, ...]
    table: Preprocessor | None

    @classmethod
    def fit(cls, frame: pl.DataFrame, schema: Schema, settings: Features) -> Self:
        """What the training rows teach of each input column of the schema.

        frame: training rows only, or a sample of them.
        Raises DataError when the schema has no input column.
        """
        if not schema.inputs:
            raise DataError("no column is left to learn from.", fix="luban inspect DATA shows why each was left out")
        own = [column for column in schema.inputs if _tensor(column.kind) is not None]
        others = [column for column in schema.inputs if column not in own]
        parts = []
        for column in own:
            tensor = _tensor(column.kind)
            assert tensor is not None
            parts.append(Part(column.name, column.kind, tensor.fit(frame.get_column(column.name), settings)))
        table = Preprocessor.fit(frame, Schema(tuple(others)), settings) if others else None
        return cls(tuple(parts), table)

    def transform(self, frame: pl.DataFrame) -> Tensors:
        """The tensors by name, in the order of `shapes`. Each row by itself."""
        found: dict[str, Array | Ragged] = {}
        if self.table is not None:
            # Texts are never in the table, and nothing else is sparse.
            found[TABLE] = self.table.transform(frame)  # type: ignore[assignment]
        for name, part in zip(self._names, self.parts, strict=True):
            found[name] = _tensor_of(part).encode(frame.get_column(part.column), part.state)
        return Tensors(found)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """What `transform` gives, by name: a column's own, and `table` for all others."""
        table = {} if self.table is None else {TABLE: Shape("vector", (self.table.width,))}
        own = [_tensor_of(part).shape(part.state) for part in self.parts]
        return {**table, **dict(zip(self._names, own, strict=True))}

    @cached_property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """The columns that each tensor comes from, by its name."""
        table = {} if self.table is None else {TABLE: self.table.columns}
        return {**table, **{name: (part.column,) for name, part in zip(self._names, self.parts, strict=True)}}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `transform` reads."""
        return (*(() if self.table is None else self.table.columns), *(part.column for part in self.parts))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The name of each part: that of its column, unless something else has this name."""
        taken = {TABLE}
        names = []
        for part in self.parts:
            name = part.column
            # What ends like the lengths of another tensor would be taken for them.
            while name in taken or name.endswith(LENGTHS):
                name = f"column {name.removesuffix(LENGTHS)}"
            taken.add(name)
            names.append(name)
        return tuple(names)

    def baselines(self) -> dict[str, Any]:
        """The value of each column in a row about which nothing is known."""
        table = {} if self.table is None else self.table.baselines()
        return {**table, **{part.column: part.feature.baseline(part.state) for part in self.parts}}

    def state(self) -> State:
        """All of it as data: the state of each column is a part, and that of the table the last one."""
        parts = [(part.column, part.state) for part in self.parts]
        if self.table is not None:
            parts.append((TABLE, self.table.state()))
        return State({"kinds": [part.kind for part in self.parts], "table": self.table is not None}, parts=tuple(parts))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        """The preprocessor of a state. Raises BundleError when the state could not come from `state()`."""
        kinds, table = state.values.get("kinds"), state.values.get("table")
        if set(state.values) != {"kinds", "table"} or state.arrays or not isinstance(kinds, list):
            raise BundleError("the preprocessing must hold the kinds of its columns, and whether it has a table.")
        if not isinstance(table, bool) or not (kinds or table) or len(state.parts) != len(kinds) + table:
            raise BundleError("the preprocessing must hold one kind for each column, and a table or none.")
        for kind in kinds:
            # Only the data types that luban has itself: a bundle cannot name what is then imported.
            if kind not in registry.names("features") or _tensor(kind) is None:
                raise BundleError(f"the preprocessing names {kind!r:.40}, which is no data type with tensors.")
        parts = tuple(Part(name, kind, own) for (name, own), kind in zip(state.parts, kinds, strict=False))
        for part in parts:
            try:
                _tensor_of(part).check(part.state)
            except BundleError as error:
                raise BundleError(error.message, where=f"column '{part.column}'") from None
        found = cls(parts, Preprocessor.rebuild(state.parts[-1][1]) if table else None)
        if len(set(found.columns)) < len(found.columns) or (found.table is not None and found.table.sparse):
            raise BundleError("the preprocessing holds a column twice, or a text column in its table.")
        return found


def _tensor(kind: str) -> TensorFeature | None:
    tensor: TensorFeature | None = registry.find("features", kind).tensor
    return tensor


def _tensor_of(part: Part) -> TensorFeature:
    tensor = part.feature.tensor
    assert tensor is not None
    return tensor
