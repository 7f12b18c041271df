"""Rows and what stands in their place as numbers, where every unit is a whole column of a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from luban.batch import Array, Matrix, Tensors
from luban.data.preprocessor import Preprocessor
from luban.protocols import Subject


@dataclass(frozen=True, eq=False)
class Columns:
    """The games of a subject as numbers.

    rows: (games, width) and references: (references, width), as the encoder gives them. source: (width,) int64, the
    number of the column that each comes from; names: of the columns.
    """

    rows: Matrix
    references: Matrix
    source: Array
    names: tuple[str, ...]

    def units(self, subject: Subject, game: int) -> Array:
        """(units,) int64: the number of the column of each unit of a game."""
        return np.array([self.names.index(unit.column) for unit in subject.units[game]], np.int64)


def problem(subject: Subject) -> str | None:
    """Why the units are not whole columns of a matrix, in words; None where they are."""
    encoder = subject.inside.encoder
    if not isinstance(encoder, Preprocessor):
        return "the model does not see its columns as numbers side by side"
    pieces = next((unit.column for units in subject.units for unit in units if unit.place), None)
    if pieces is not None:
        return f"it knows whole columns, and the units of '{pieces}' are pieces of one"
    if (subject.inside.step >= 0).any():
        return "it explains an answer to a row, not to one of its steps"
    return None


def read(subject: Subject) -> Columns:
    """The numbers of a subject that has no problem."""
    encoder = subject.inside.encoder
    assert isinstance(encoder, Preprocessor), "`problem` sees to it"
    number = {name: place for place, name in enumerate(encoder.columns)}
    source = np.array([number[name] for name in encoder.sources], np.int64)
    rows, references = encoder.transform(subject.frame), encoder.transform(subject.inside.usual)
    assert not isinstance(rows, Tensors) and not isinstance(references, Tensors), "a preprocessor gives matrices"
    return Columns(rows, references, source, encoder.columns)


def chosen(matrix: Matrix, columns: Array) -> Array:
    """(rows, columns) of a matrix, dense, float32."""
    some = matrix[:, columns]
    return np.asarray(some.toarray() if hasattr(some, "toarray") else some)
