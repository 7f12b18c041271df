"""Training, validation and test rows as one table: how they are stacked, what each weighs, and which are set aside.

Rows that were given as data of their own stand behind the training rows. Where the data came split, its own split
is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import DataError, UsageError
from luban.data.dataset import Dataset
from luban.schema.schema import Schema


@dataclass(frozen=True)
class Given:
    """The data sets that stand beside the training data, where a person has them.

    remember: raw texts that a language model should not forget.
    """

    test: Dataset | None = None
    validation: Dataset | None = None
    remember: Dataset | None = None

    @property
    def fingerprints(self) -> list[str | None]:
        return [None if data is None else data.fingerprint for data in (self.test, self.validation)]


class Counts(NamedTuple):
    """How many rows of each data set stand in a table, in this order; those of an own split are among `train`."""

    train: int
    validation: int
    test: int

    @property
    def all(self) -> int:
        return sum(self)


@dataclass(frozen=True, eq=False)
class Aside:
    """The numbers of the rows that test and that validate. own: whether the data itself says which rows test."""

    test: Array
    validation: Array
    own: bool = False


def stacked(dataset: Dataset, given: Given, schema: Schema) -> tuple[pl.LazyFrame, Counts]:
    """One table of training, validation and test rows, in this order, and how many there are of each."""
    used = [column.name for column in schema.columns if column.role not in ("ignored", "split")]
    frames, counts = [dataset.frame.select(used)], [dataset.rows]
    for part in (given.validation, given.test):
        counts.append(0 if part is None else part.rows)
        if part is not None:
            missing = [name for name in used if name not in part.frame.collect_schema().names()]
            if missing:
                raise DataError(f"the column '{missing[0]}' is missing.", where=part.where, fix="give the same columns")
            frames.append(part.frame.select(used))
    stacked = frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical_relaxed")
    return stacked, Counts(*counts)


def set_aside(dataset: Dataset, given: Given, schema: Schema, counts: Counts) -> Aside:
    """The rows that test and those that validate, given or by the data's own split.

    Raises UsageError where a person and the data both do, and DataError for a part that is none.
    """
    tests = np.arange(counts.train + counts.validation, counts.all)
    validates = np.arange(counts.train, counts.train + counts.validation)
    column = schema.one("split")
    if column is None:
        return Aside(tests, validates)
    named = dataset.frame.select(column.name).collect().to_series()
    for option, part, own, by_hand in (
        ("--test", given.test, "test", tests),
        ("--validation", given.validation, "validation", validates),
    ):
        rows = int((named == own).sum())
        if len(by_hand) and rows and part is not None:
            raise UsageError(
                f"the data came split, with {rows:,} {own} rows of its own ('{column.name}' in {dataset.where}), and "
                f"{option} gives {part.rows:,} more ({part.where}).",
                where=option,
                fix=f"leave out {option}, or the split of the data: --set split.kind=random",
            )
    if not (named == "train").any():
        raise DataError("no row is one to train on.", where=f"{dataset.where}, column '{column.name}'")
    of_test = np.flatnonzero((named == "test").to_numpy())
    validates = np.concatenate([np.flatnonzero((named == "validation").to_numpy()), validates])
    return Aside(np.concatenate([of_test, tests]), validates, own=len(of_test) > 0)


def weights(frame: pl.LazyFrame, schema: Schema) -> Array | None:
    """(rows,) what each row weighs; None where no column says so. Raises DataError for what is no weight."""
    column = schema.one("weight")
    if column is None:
        return None
    values = frame.select(pl.col(column.name).cast(pl.Float64, strict=False)).collect().to_series()
    found = values.fill_null(float("nan")).to_numpy()
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(bad):
        raise DataError(
            f"row {bad[0]} has no weight of 0 or more.",
            where=f"column '{column.name}'",
            fix="fill or leave out the row",
        )
    return found
