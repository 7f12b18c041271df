"""How networks see rows: a tensor for each column of texts, images, sounds or series, and a block for all others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, final

from luban.batch import Tensors
from luban.collate import LENGTHS, OWN, TABLE, WRITTEN
from luban.core import registry
from luban.core.errors import BundleError
from luban.data.preprocessor import Part, Preprocessor
from luban.protocols import Shape, State, TensorFeature
from luban.recipe.recipe import Features
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl

_BLOCK = "block"


@final
@dataclass(frozen=True)
class TensorPreprocessor:
    """How the input columns become tensors.

    parts: the columns with a tensor of their own. table: how all others become one matrix; None where there are none.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"age": [20.0, 40.0], "pulse": [[1.0, 2.0, 3.0], [5.0]]})
    >>> from luban.schema.schema import Column
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
        """What the training rows teach of each input column of the schema."""
        own = [c for c in schema.inputs if _tensor(c.kind) is not None]
        others = Schema(tuple(c for c in schema.columns if c not in own))
        parts = tuple(Part(c.name, c.kind, _of(c.kind).fit(frame.get_column(c.name), settings)) for c in own)
        return cls(parts, Preprocessor.fit(frame, others, settings) if others.inputs else None)

    def transform(self, frame: pl.DataFrame) -> Tensors:
        """The rows, each by itself."""
        named = zip(self._names, self.parts, strict=True)
        found = {name: _of(p.kind).encode(frame.get_column(p.column), p.state) for name, p in named}
        if self.table is not None:
            found[TABLE] = self.table.transform(frame)  # type: ignore[assignment]
        return Tensors(found)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """What `transform` gives, by name."""
        found = {name: _of(p.kind).shape(p.state) for name, p in zip(self._names, self.parts, strict=True)}
        if self.table is not None:
            found[TABLE] = Shape("vector", (self.table.width,))
        return found

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The name of each part: that of its column, unless something else is called so."""
        taken = {TABLE}
        names = []
        for part in self.parts:
            name = part.column
            # A column may be called as the block is, or as what stands beside the rows of another column.
            while name in taken or name.endswith((LENGTHS, OWN, WRITTEN)):
                name = f"{name} (column)"
            taken.add(name)
            names.append(name)
        return tuple(names)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*(part.column for part in self.parts), *(self.table.columns if self.table else ()))

    @property
    def width(self) -> int:
        """No matrix is given."""
        return 0

    def baselines(self) -> dict[str, Any]:
        own = {part.column: part.feature.baseline(part.state) for part in self.parts}
        return {**own, **(self.table.baselines() if self.table else {})}

    def state(self) -> State:
        """All of it as data: the state of each column is a part, and that of the block the last."""
        kinds = [part.kind for part in self.parts]
        parts = tuple((part.column, part.state) for part in self.parts)
        block = () if self.table is None else ((_BLOCK, self.table.state()),)
        return State({"tensors": kinds, "block": self.table is not None}, parts=(*parts, *block))

    @classmethod
    def wrote(cls, state: State) -> bool:
        """Whether a state says that it is one of tensors."""
        return "tensors" in state.values

    @classmethod
    def rebuild(cls, state: State) -> Self:
        """The preprocessor of a state. Raises BundleError when the state could not come from `state()`."""
        kinds, block = state.values.get("tensors"), state.values.get("block")
        if set(state.values) != {"tensors", "block"} or state.arrays or not isinstance(kinds, list) or not kinds:
            raise BundleError("the preprocessing must hold the kinds of its tensors and nothing else.")
        if not isinstance(block, bool) or len(state.parts) != len(kinds) + block:
            raise BundleError("the preprocessing must hold one state for each tensor.")
        unknown = [k for k in kinds if k not in registry.names("features") or _tensor(k) is None]
        if unknown:
            raise BundleError(f"the preprocessing names the data type {unknown[0]!r:.40}, which has no tensor here.")
        parts = tuple(Part(name, kind, part) for (name, part), kind in zip(state.parts, kinds, strict=False))
        for part in parts:
            try:
                _of(part.kind).check(part.state)
            except BundleError as error:
                raise BundleError(error.message, where=f"column '{part.column}'") from None
        found = cls(parts, Preprocessor.rebuild(state.parts[-1][1]) if block else None)
        if len(set(found.columns)) < len(found.columns):
            raise BundleError("the preprocessing holds a column twice.")
        if found.table is not None and any(_tensor(part.kind) is not None for part in found.table.parts):
            raise BundleError("the preprocessing has a column in its block that has a tensor of its own.")
        return found


def _tensor(kind: str) -> TensorFeature | None:
    found: TensorFeature | None = registry.find("features", kind).tensor
    return found


def _of(kind: str) -> TensorFeature:
    found = _tensor(kind)
    assert found is not None, f"{kind} has a tensor"
    return found
