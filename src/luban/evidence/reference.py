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
class Pairs:
    """How columns of numbers went together, two by two.

    A row has a score in each column: the share of all rows in the bins below its own, plus half of that in its own,
    less one half; 0 without a value. products: (strata, pairs) sums of the products of the scores of two columns, over
    the rows of a stratum as in `Spread`; pairs in the order of `itertools.combinations(columns, 2)`.
    """

    columns: tuple[str, ...]
    products: Array

    def to_json(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "products": self.products.round(4).tolist()}

    @classmethod
    def from_json(cls, document: Any) -> Pairs:
        """What `to_json` wrote. Raises BundleError for anything else."""
        import numpy as np

        match document:
            case {"columns": [*names], "products": [[*_], *_] as products, **rest} if not rest:
                count = len(names) * (len(names) - 1) // 2
                if all(isinstance(line, list) and len(line) == count for line in products) and all(
                    isinstance(number, int | float) and math.isfinite(number) for line in products for number in line
                ):
                    return cls(tuple(names), np.array(products, dtype=np.float64))
        raise BundleError("this is not how luban writes how columns go together.", where=PLACE)


@dataclass(frozen=True, eq=False)
class Reference:
    """The spreads of what was learned from.

    rows: how many training rows the columns were seen in. columns: of the inputs. target: of the target, in one
    stratum; None where there is none, or several. answers: of what the bundle answered to its test rows.
    uncompared: input columns without a spread, and why. pairs: how columns went together; None of fewer than two.
    confusion: (classes, classes) how many rows of a class (line) got an answer (column) from a model that had not seen
    them, training rows that were held out and test rows alike; None where there are no classes.
    """

    rows: int
    columns: tuple[Spread, ...]
    target: Spread | None = None
    answers: tuple[Spread, ...] = ()
    uncompared: Mapping[str, str] = field(default_factory=dict)
    pairs: Pairs | None = None
    confusion: Array | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "columns": [spread.to_json() for spread in self.columns],
            "target": None if self.target is None else self.target.to_json(),
            "answers": [spread.to_json() for spread in self.answers],
            "uncompared": dict(self.uncompared),
            **({} if self.pairs is None else {"pairs": self.pairs.to_json()}),
            **({} if self.confusion is None else {"confusion": self.confusion.tolist()}),
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
                **others,
            } if all(isinstance(why, str) for why in uncompared.values()):
                pairs, confusion = others.get("pairs"), others.get("confusion")
                return cls(
                    rows,
                    tuple(map(Spread.from_json, columns)),
                    None if target is None else Spread.from_json(target),
                    tuple(map(Spread.from_json, answers)),
                    uncompared,
                    None if pairs is None else Pairs.from_json(pairs),
                    None if confusion is None else _confusion(confusion),
                )
        raise BundleError("this is not how luban writes what it keeps of rows.", where=PLACE)


def _confusion(lines: Any) -> Array:
    import numpy as np

    square = isinstance(lines, list) and all(isinstance(line, list) and len(line) == len(lines) for line in lines)
    if not (square and lines and _are_counts(lines)):
        raise BundleError("these are not the confusions of classes.", where=PLACE)
    return np.array(lines, dtype=np.int64)


def _are_bounds(bounds: list[Any], *, texts: bool) -> bool:
    if texts:
        return all(isinstance(bound, str) for bound in bounds) and len(set(bounds)) == len(bounds)
    numbers = all(isinstance(bound, int | float) and math.isfinite(bound) for bound in bounds)
    return numbers and all(low < high for low, high in pairwise(bounds))


def _are_counts(counts: list[Any]) -> bool:
    if not all(isinstance(line, list) and line and len(line) == len(counts[0]) for line in counts):
        return False
    return all(type(count) is int and 0 <= count < 2**53 for line in counts for count in line)
