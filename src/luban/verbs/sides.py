"""Older rows that a person gives beside newer ones: both as numbers, and the weights by which the older ones stand for
the newer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from luban.batch import Array, dense
from luban.conditions.covariate_shift import WEIGHT
from luban.core import files
from luban.core.errors import DataError, UsageError
from luban.core.seed import derive
from luban.data import loader
from luban.data.check import conform
from luban.data.dataset import Dataset
from luban.data.loader import sampled
from luban.data.preprocessor import Preprocessor
from luban.protocols import Sides
from luban.schema.schema import Schema
from luban.training import domains
from luban.training.domains import Domains, Narrowed
from luban.verbs.answering import SLICE
from luban.verbs.bundle import Bundle
from luban.verbs.stacking import weights

MOST = 2_000
"""Rows of either side that are told apart, at most: enough to see an area of 0.55, in seconds."""
LATER = "datetime"
"""A data type that tells newer rows from older ones, as it should."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """Both sides as numbers, and how rows become them.

    older: the data set of the older rows. chosen: which of its rows are among the sides. schema: of the columns that
    are looked at.
    """

    sides: Sides
    older: Dataset
    chosen: Array
    schema: Schema
    preprocessor: Preprocessor
    narrowed: Narrowed

    def numbers(self, frame: pl.DataFrame) -> Array:
        return self.narrowed(self.preprocessor.transform(conform(frame, self.schema, where=self.older.where)))


def encode(bundle: Bundle, older: Dataset, newer: pl.DataFrame) -> Encoded:
    """Both sides as numbers, by what the older rows teach. newer: rows as they were read.

    Raises DataError for older rows without a column of the bundle.
    """
    schema = Schema(tuple(column for column in bundle.schema.inputs if column.kind != LATER))
    missing = [name for name in schema.names if name not in older.frame.collect_schema().names()]
    if missing or not older.rows:
        told = f"the column '{missing[0]}' is missing." if missing else "there is no row."
        raise DataError(told, where=older.where, fix="give the rows that the bundle learned from")
    seed = derive(bundle.recipe.seed, "sides")
    chosen = sampled(np.arange(older.rows), MOST, derive(seed, "older"))
    some = sampled(np.arange(len(newer)), MOST, derive(seed, "newer"))
    before = loader.take(older.frame, chosen)
    read = conform(before, schema, where=older.where)
    preprocessor = Preprocessor.fit(read, schema, bundle.recipe.features)
    inputs = preprocessor.transform(read)
    few = domains.narrowed(inputs, preprocessor.sources, seed)
    after = conform(newer[some], schema, where="the newer rows")
    numbers = np.concatenate([few(inputs), few(preprocessor.transform(after))])
    name, target = bundle.recipe.target, None
    if bundle.classes and name in before.columns:
        target = dense(bundle.answerer.task.encode(before[name], bundle.classes))
    sides = Sides(numbers, np.arange(len(numbers)) >= len(chosen), few.sources, target)
    return Encoded(sides, older, chosen, schema, preprocessor, few)


@dataclass(frozen=True)
class Weighed:
    """The rows that were written. worth: how many rows of equal weight they are worth. largest: the largest weight."""

    path: str
    column: str
    rows: int
    worth: float
    largest: float


def weigh(encoded: Encoded, told: Domains, bundle: Bundle, place: str | Path) -> Weighed:
    """Writes the older rows with a column of weights, by which they lie as the newer ones do.

    A weight that the recipe names already is multiplied. place: ends in `.csv` or `.parquet`.
    """
    target = Path(place)
    check(target)
    older = encoded.older
    ratio = np.concatenate([told.weights(encoded.numbers(rows)) for rows in _slices(older)])
    # Rows that taught the learners are weighed by those that had not seen them.
    ratio[encoded.chosen] = np.exp(told.odds[~encoded.sides.newer])
    weight, worth = domains.clipped(ratio)
    own = weights(older.frame, bundle.schema)
    found = weight if own is None else weight * own
    frame = older.frame.with_columns(pl.Series(WEIGHT, found.round(6)))
    with files.new_file(target) as path:
        if target.suffix.lower() == ".parquet":
            frame.sink_parquet(path)
        else:
            frame.sink_csv(path)
    return Weighed(str(target), WEIGHT, older.rows, worth, float(weight.max()))


def check(target: Path) -> None:
    """Raises UsageError for a place that rows cannot be written to."""
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError("weighed rows are written as CSV or Parquet.", where=f"--weighed {target}", fix="rows.csv")
    if not target.parent.is_dir():
        raise UsageError("there is no such folder.", where=str(target.parent), fix=f"mkdir -p {target.parent}")


def _slices(older: Dataset) -> Iterator[pl.DataFrame]:
    yield from loader.slices(older.frame, size=SLICE)
