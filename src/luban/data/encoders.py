"""Which encoder a bundle holds: the preprocessor of a matrix, or that of tensors."""

from __future__ import annotations

from collections.abc import Mapping

from luban.data.preprocessor import Part, Preprocessor
from luban.data.tensor_preprocessor import TensorPreprocessor
from luban.protocols import Encoder, Shape, State


def rebuild(state: State) -> Encoder:
    """The encoder of a state. Raises BundleError when no encoder wrote it."""
    kind = TensorPreprocessor if TensorPreprocessor.wrote(state) else Preprocessor
    return kind.rebuild(state)


def shapes(encoder: Encoder) -> Mapping[str, Shape] | None:
    """The shapes of the tensors that it gives, or None where it gives a matrix."""
    return encoder.shapes if isinstance(encoder, TensorPreprocessor) else None


def states(encoder: Encoder) -> Mapping[str, State]:
    """What was learned of each column that `encoder` reads by itself, by the name of the column."""
    return {part.column: part.state for part in getattr(encoder, "parts", ())}


def parts(encoder: Encoder) -> tuple[Part, ...]:
    """Every column that is read, with its data type and what was learned of it."""
    if isinstance(encoder, TensorPreprocessor):
        return (*encoder.parts, *(encoder.table.parts if encoder.table is not None else ()))
    return getattr(encoder, "parts", ())
