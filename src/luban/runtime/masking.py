"""Answers of rows some of whose units are left out: what explainers ask.

Here a row is taken apart into its units, and put together again without some of them. A column whose data type has no
pieces is one unit; left out, it has its usual value, or with a background the values of other rows. Pieces of a column
are left out as its data type says (`Pieced`).

Where every unit is a column of a matrix, rows are encoded once and mixed as numbers: each column is encoded by itself,
so that is the same as encoding every mixture. Else rows are written anew and encoded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array, Inputs, Tensors
from luban.collate import TABLE
from luban.data import encoders
from luban.evidence.explanation import Unit
from luban.protocols import Cut, Encoder, Pieced

if TYPE_CHECKING:
    import polars as pl

_NUMBERS = 1 << 21
"""How many numbers of a matrix are mixed at once, so that memory stays flat."""
_ROWS = 1_024
"""How many rows are written anew at once."""
_KEPT = ("anchor",)
"""Data types that are no unit: the level and the spread of a window only say in which unit it is measured."""
_SHOWN = 60
"""Characters of a value that are shown beside its unit."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A row that was taken apart.

    frame: the row. whole: the columns that are a unit each, in the order of the first units; then come the pieces of
    the columns in `cuts`, one column behind the other. units: all of them.
    """

    frame: pl.DataFrame
    whole: tuple[str, ...]
    cuts: tuple[tuple[str, Cut], ...]
    units: tuple[Unit, ...]


def usual(encoder: Encoder, frame: pl.DataFrame) -> pl.DataFrame:
    """One row about which nothing is known, with the columns of `frame`, which is as the encoder reads it."""
    import polars as pl

    values = encoder.baselines()
    columns = [pl.Series(name, [values.get(name)], dtype=kind, strict=False) for name, kind in frame.schema.items()]
    return pl.DataFrame(columns)


def taken_apart(frame: pl.DataFrame, encoder: Encoder, reference: pl.DataFrame, most: int) -> Taken:
    """The units of the one row in `frame`: pieces where its data types have them, at most so many of a column.

    Columns that have the value of every row of the reference already are no units: they add nothing.
    """
    whole: list[str] = []
    units: list[Unit] = []
    cuts: list[tuple[str, Cut]] = []
    for part in encoders.parts(encoder):
        values = frame[part.column]
        if part.kind in _KEPT:
            continue
        if isinstance(part.feature, Pieced):
            cuts.append((part.column, part.feature.cut(values, part.state, most)))
        elif any(other != values.to_list()[0] for other in reference[part.column].to_list()):
            whole.append(part.column)
            units.append(Unit(part.column, part.column, _shown(values.to_list()[0])))
    pieces = [unit for _, cut in cuts for unit in cut.units]
    return Taken(frame, tuple(whole), tuple(cuts), (*units, *pieces))


@dataclass(frozen=True, eq=False)
class Masking:
    """The answers of rows with equally many units, some of which are left out; called as `Values` are.

    said: for encoded rows and the number of a game, (rows,) float64 what is explained of the answers to them.
    """

    rows: Sequence[Taken]
    encoder: Encoder
    said: Callable[[Inputs, int], Array]
    reference: pl.DataFrame

    def __call__(self, coalitions: Array, games: Array) -> Array:
        """(coalitions, games) float64."""
        found = np.empty((len(coalitions), len(games)))
        encoded = self._others
        for place, game in enumerate(games.tolist()):
            row = self.rows[game]
            if encoded is None:
                found[:, place] = self._written(row, coalitions, game)
            else:
                found[:, place] = self._mixed(row, coalitions, encoded, game)
        return found

    @functools.cached_property
    def _others(self) -> Array | None:
        """The reference as numbers, where rows are mixed as numbers; else None."""
        return None if any(row.cuts for row in self.rows) else _matrix(self.encoder, self.reference)

    def _mixed(self, row: Taken, coalitions: Array, others: Array, game: int) -> Array:
        """Encoded once, then mixed: each output of the encoder comes from one column."""
        own = _matrix(self.encoder, row.frame)
        assert own is not None, "what encodes the reference as a matrix does so with a row"
        table = _table(self.encoder)
        numbers = {column: number for number, column in enumerate(row.whole)}
        # What is no unit stays as it is: the number behind the last unit stands for it.
        place = np.array([numbers.get(column, len(numbers)) for column in table.sources], np.int64)
        always = np.ones((len(coalitions), 1), bool)
        stays = np.hstack([coalitions, always])
        size = max(1, _NUMBERS // max(1, len(place) * len(others)))
        found = np.empty(len(coalitions))
        for start in range(0, len(coalitions), size):
            some = stays[start : start + size][:, place]
            mixed = np.where(some[:, None, :], own[0], others[None]).reshape(-1, len(place)).astype(np.float32)
            inputs: Inputs = Tensors({TABLE: mixed}) if encoders.shapes(self.encoder) is not None else mixed
            found[start : start + size] = self.said(inputs, game).reshape(-1, len(others)).mean(axis=1)
        return found

    def _written(self, row: Taken, coalitions: Array, game: int) -> Array:
        """Each coalition is written as a row of its own, for each row of the reference, and encoded."""
        found = np.zeros(len(coalitions))
        for start in range(0, len(coalitions), _ROWS):
            some = coalitions[start : start + _ROWS]
            # Rows of the reference differ only in whole columns.
            references = len(self.reference) if row.whole else 1
            for number in range(references):
                frame = mixture(row, some, self.reference[number : number + 1])
                found[start : start + _ROWS] += self.said(self.encoder.transform(frame), game) / references
        return found


def mixture(row: Taken, coalitions: Array, reference: pl.DataFrame) -> pl.DataFrame:
    """The row once for each coalition, without the units that it leaves out; reference: the one row in their place."""
    import polars as pl

    always = np.zeros(len(coalitions), np.int64)
    columns = {name: row.frame[name].gather(always) for name in row.frame.columns}
    for number, name in enumerate(row.whole):
        both = pl.concat([reference[name], row.frame[name]])
        columns[name] = both.gather(coalitions[:, number].astype(np.int64))
    first = len(row.whole)
    for name, cut in row.cuts:
        columns[name] = cut.masked(coalitions[:, first : first + len(cut.units)]).alias(name)
        first += len(cut.units)
    return pl.DataFrame(list(columns.values()))


def _table(encoder: Encoder) -> Any:
    """What encodes the columns of the matrix."""
    return getattr(encoder, "table", encoder)


def _matrix(encoder: Encoder, frame: pl.DataFrame) -> Array | None:
    """(rows, width) float32 where that is all that a model sees, and it is dense; else None."""
    if encoders.shapes(encoder) is not None:
        if getattr(encoder, "parts", ()):
            return None
        encoder = _table(encoder)
    if getattr(encoder, "sparse", True):
        return None
    return np.asarray(encoder.transform(frame))


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "missing" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
