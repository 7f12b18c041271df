"""What a bundle keeps of the rows that it learned from: how many fell into which bin, column by column; never a row.

Newer rows are compared with it. How it is made of a table is in `luban.data.spreads`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from luban.core.errors import BundleError

if TYPE_CHECKING:
    from luban.batch import Array

PLACE = "evidence/reference.json"
MOST_BINS = 1_000
"""Bins of a column that are read from a bundle."""


@dataclass(frozen=True, eq=False)
class Spread:
    """How the values of one column lay.

    kind `number`: `bounds` ascend; bin i holds what is above bounds[i - 1] and at most bounds[i], the last what is
        above all of them. `length`: the same of how many characters a text has.
    kind `category`: `bounds` are the values that have a bin of their own; one more bin holds all others.
    counts: (len(bounds) + 2, strata) whole numbers: the rows in each bin, and in the last line those without a value;
        a stratum holds the rows whose target lies in one of its bins, or all rows.
    """

    name: str
    kind: Literal["number", "category", "length"]
    bounds: tuple[float, ...] | tuple[str, ...]
    counts: Array

    @property
    def bins(self) -> int:
        """How many bins rows fall into, that of missing values included."""
        return len(self.bounds) + 2

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "bounds": list(self.bounds), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, document: Any) -> Spread:
        """What `to_json` wrote. Raises BundleError for anything else."""
        import numpy as np

        match document:
            case {
                "name": str(name),
                "kind": "number" | "category" | "length" as kind,
                "bounds": list(bounds),
                "counts": list(counts),
                **rest,
            } if not rest and len(bounds) <= MOST_BINS and len(counts) == len(bounds) + 2:
                if _are_bounds(bounds, texts=kind == "category") and _are_counts(counts):
                    return cls(name, kind, tuple(bounds), np.array(counts, dtype=np.int64))
        raise BundleError("this is not how luban writes the spread of a column.", where=PLACE)


@dataclass(frozen=True, eq=False)
class Reference:
    """The spreads of what was learned from.

    rows: how many training rows the columns were seen in. columns: of the inputs. target: of the target, in one
    stratum; None where there is none, or several. answers: of what the bundle answered to its test rows.
    uncompared: input columns without a spread, and why.
    """

    rows: int
    columns: tuple[Spread, ...]
    target: Spread | None = None
    answers: tuple[Spread, ...] = ()
    uncompared: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "columns": [spread.to_json() for spread in self.columns],
            "target": None if self.target is None else self.target.to_json(),
            "answers": [spread.to_json() for spread in self.answers],
            "uncompared": dict(self.uncompared),
        }

    @classmethod
    def from_json(cls, document: Any) -> Reference:
        """What `to_json` wrote. Raises BundleError for anything else."""
        match document:
            case {
                "rows": int(rows),
                "columns": list(columns),
                "target": target,
                "answers": list(answers),
                "uncompared": dict(uncompared),
            } if all(isinstance(why, str) for why in uncompared.values()):
                return cls(
                    rows,
                    tuple(map(Spread.from_json, columns)),
                    None if target is None else Spread.from_json(target),
                    tuple(map(Spread.from_json, answers)),
                    uncompared,
                )
        raise BundleError("this is not how luban writes what it keeps of rows.", where=PLACE)


def _are_bounds(bounds: list[Any], *, texts: bool) -> bool:
    if texts:
        return all(isinstance(bound, str) for bound in bounds) and len(set(bounds)) == len(bounds)
    numbers = all(isinstance(bound, int | float) and math.isfinite(bound) for bound in bounds)
    return numbers and all(low < high for low, high in pairwise(bounds))


def _are_counts(counts: list[Any]) -> bool:
    if not all(isinstance(line, list) and line and len(line) == len(counts[0]) for line in counts):
        return False
    return all(type(count) is int and 0 <= count < 2**53 for line in counts for count in line)
