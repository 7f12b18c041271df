"""How rows are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from luban.batch import Array


@dataclass(frozen=True)
class Rows:
    """What a split looks at. target: class codes or values. groups: codes of equal groups. order: sortable values."""

    count: int
    target: Array | None = None
    discrete: bool = False
    groups: Array | None = None
    order: Array | None = None


class Split(Protocol):
    """A way to hold rows out (`data/splits/`)."""

    def holdout(self, rows: Rows, share: float, seed: int) -> Array:
        """(rows,) boolean: the test rows. At least one row on each side."""

    def folds(self, rows: Rows, count: int, seed: int) -> Array:
        """(rows,) int64: the fold in which a row is held out, 0 to count - 1; -1 for rows that only ever train."""
