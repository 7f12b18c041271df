"""Which unit each number that a network sees belongs to, and what stands there where nothing is known.

Texts become shorter where words are left out, so there each token belongs to the word that it is a piece of, and the
padding token, which says nothing, stands in its place. Of all else the value is written without each piece in turn: the
numbers that change are those of the piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from luban import collate
from luban.batch import Array, Ragged
from luban.collate import TABLE
from luban.data.preprocessor import Part, Preprocessor
from luban.data.tensor_preprocessor import TensorPreprocessor
from luban.features.text.tokens import MARKS
from luban.protocols import Cut, Encoder, Subject

NOWHERE = -1
"""The number of no unit."""
REFERENCES = 16
"""Rows of a background that are gone out from, evenly spaced."""


@dataclass(frozen=True, eq=False)
class Places:
    """A part of one row: here (size...) as the network sees it, usual (references, size...), and unit (size...) int64.

    Of tokens and words, here and usual are whole numbers, which the network looks up. ragged: whether rows differ in
    length.
    """

    here: Array
    usual: Array
    unit: Array
    ragged: bool = False

    @property
    def looked_up(self) -> bool:
        """Whether its numbers are those of lines of a table."""
        return bool(self.here.dtype == np.int32)


def read(subject: Subject, game: int) -> dict[str, Places]:
    """The parts of the row of a game, by name."""
    encoder, row = subject.inside.encoder, subject.frame[game : game + 1]
    own = _row(encoder.transform(row))
    reference = spread_out(subject.inside.usual)
    usual = collate.parts(encoder.transform(reference))
    found = {}
    for name, part in columns(encoder).items():
        if part is None:
            unit = _of_table(subject, game)
            # A column that is no unit has the row's value, whoever stands in its place.
            found[name] = Places(own[name], np.where(unit >= 0, np.asarray(usual[name]), own[name]), unit)
        else:
            found[name] = _of_part(subject, game, part, own[name])
    return found


def spread_out(rows: pl.DataFrame) -> pl.DataFrame:
    """At most `REFERENCES` of the rows."""
    count = min(len(rows), REFERENCES)
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).round().astype(np.int64))]


def columns(encoder: Encoder) -> dict[str, Part | None]:
    """The parts that networks see, by name: the column of each, or None for the matrix of all others."""
    if not isinstance(encoder, TensorPreprocessor):
        return {TABLE: None}
    parts: list[Part | None] = [*encoder.parts, *([] if encoder.table is None else [None])]
    return dict(zip(encoder.shapes, parts, strict=True))


def problem(subject: Subject) -> str | None:
    """Why units are no numbers that a network sees, in words; None where they are."""
    encoder = subject.inside.encoder
    if isinstance(encoder, Preprocessor) and encoder.sparse:
        return "its inputs are sparse"
    if not isinstance(encoder, Preprocessor | TensorPreprocessor):
        return "what encodes its rows is none of luban's own"
    chats = [part.column for part in columns(encoder).values() if part is not None and part.kind == "chat"]
    return f"the words of the chats in '{chats[0]}' are framed by a template" if chats else None


def _row(inputs: Any) -> dict[str, Array]:
    """The only row of each part, without padding."""
    return {n: part.values if isinstance(part, Ragged) else part[0] for n, part in collate.parts(inputs).items()}


def _of_table(subject: Subject, game: int) -> Array:
    encoder = subject.inside.encoder
    table = encoder.table if isinstance(encoder, TensorPreprocessor) else encoder
    assert isinstance(table, Preprocessor), "`problem` sees to it"
    number = {unit.column: place for place, unit in enumerate(subject.units[game])}
    return np.array([number.get(name, NOWHERE) for name in table.sources], np.int64)


def _of_part(subject: Subject, game: int, part: Part, here: Array) -> Places:
    """Of a column with a tensor of its own."""
    units = [place for place, unit in enumerate(subject.units[game]) if unit.column == part.column]
    cut = subject.cuts[game].get(part.column)
    tensor: Any = part.feature.tensor
    shape = tensor.shape(part.state)
    inner = here.shape[:1] if shape.kind == "words" else here.shape
    unit, usual = np.full(inner, NOWHERE, np.int64), here
    if units and shape.kind == "tokens":
        spans = np.array([subject.units[game][place].place or (0, 0) for place in units], np.int64).reshape(-1, 2)
        unit = _of_tokens(subject.frame[part.column][game], part, tensor, here, spans)
        usual = np.where(here >= len(MARKS), 0, here).astype(here.dtype)
    elif units and cut is None:
        unit = np.zeros(inner, np.int64)
        usual = _like(tensor.encode(subject.inside.usual[part.column][:1], part.state), here)
    elif units and cut is not None:
        unit, usual = _of_cut(tensor, part, cut, here, len(inner))
    numbers = np.array([*units, NOWHERE], np.int64)
    return Places(here, usual[None], numbers[unit], shape.ragged)


def _of_cut(tensor: Any, part: Part, cut: Cut, here: Array, axes: int) -> tuple[Array, Array]:
    """The piece of each number, and the row without any: each piece is left out in turn."""
    count = len(cut.units)
    out = np.concatenate([~np.eye(count, dtype=bool), np.zeros((1, count), bool)])
    encoded = _rows(tensor.encode(cut.masked(out), part.state), len(out))
    if cut.regions is not None:
        return np.broadcast_to(cut.regions, here.shape), encoded[-1]
    changed = np.stack([(each != here).reshape(*here.shape[:axes], -1).any(axis=-1) for each in encoded[:-1]])
    return np.where(changed.any(axis=0), changed.argmax(axis=0), NOWHERE), encoded[-1]


def _of_tokens(text: Any, part: Part, tensor: Any, here: Array, spans: Array) -> Array:
    """(tokens,) the place of the word that each token is a piece of; -1 for marks. spans: (words, 2) in characters."""
    unit = np.full(len(here), NOWHERE, np.int64)
    ((_, offsets),) = tensor.placed([text or ""], part.state)
    inner = np.flatnonzero(here >= len(MARKS))
    offsets = offsets[: len(inner)]
    if len(spans) and len(offsets):
        low = np.maximum(offsets[:, None, 0], spans[None, :, 0])
        common = np.minimum(offsets[:, None, 1], spans[None, :, 1]) - low
        # What lies between two words, which have nothing in common with it, goes to the nearer one.
        unit[inner[: len(offsets)]] = common.argmax(axis=1)
    return unit


def _rows(encoded: Array | Ragged, count: int) -> list[Array]:
    if isinstance(encoded, Ragged):
        return [encoded.values[encoded.offsets[row] : encoded.offsets[row + 1]] for row in range(count)]
    return list(encoded)


def _like(encoded: Array | Ragged, here: Array) -> Array:
    """The usual value as long as a row is: its first step, repeated."""
    (usual,) = _rows(encoded, 1)
    return np.broadcast_to(usual[:1], here.shape).copy() if isinstance(encoded, Ragged) else usual


def gathered(attributed: Mapping[str, Array], places: Mapping[str, Places], units: int) -> Array:
    """(units,) float64: the sum of what is said of the numbers of each unit."""
    total = np.zeros(units)
    for name, values in attributed.items():
        unit = places[name].unit
        # Behind the places may come the numbers of a line of a table.
        each = values.reshape(*unit.shape, -1).sum(axis=-1).ravel()
        known = unit.ravel() >= 0
        total += np.bincount(unit.ravel()[known], weights=each[known], minlength=units)
    return total
