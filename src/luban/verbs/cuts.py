"""How the values of some rows are cut into pieces, for the pictures of explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from luban.data import encoders
from luban.protocols import Cut, Encoder, Pieced

if TYPE_CHECKING:
    import polars as pl


def cuts(encoder: Encoder, frame: pl.DataFrame, numbers: Sequence[int], most: int) -> dict[tuple[int, str], Cut]:
    """Each value of `frame` that consists of pieces, at most so many, by the number of its row and its column.

    frame: rows as the encoder reads them. Cutting is the same each time, so these are the pieces that were explained.
    """
    return {
        (number, part.column): part.feature.cut(frame[part.column][place : place + 1], part.state, most)
        for part in encoders.parts(encoder)
        if isinstance(part.feature, Pieced)
        for place, number in enumerate(numbers)
    }
