"""A problem that the doctor knows, and what conditions look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from luban.batch import Answers, Array, Inputs, PerRow
from luban.evidence.finding import Finding
from luban.evidence.judgement import Judgement, Slice
from luban.evidence.measurement import Measurement
from luban.evidence.reference import Reference, Spread
from luban.evidence.trace import Trace
from luban.protocols.tasks import Task
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


@dataclass(frozen=True, eq=False)
class Examination:
    """What conditions look at: raw and encoded rows of both sides of the split, and how they came about.

    Equal only to itself, so that what several conditions need of it is computed once.
    Large data comes as a sample of at most 20,000 training and 20,000 test rows; `rows` counts all of them.

    train, test: the raw columns. train_rows, test_rows: their 0-based numbers in the data as given.
    train_target, test_target: encoded as in a Batch. classes: names of the codes.
    unscaled, unscaled_test: (rows, width) encoded with medians for missing values and indicators for categories,
        but not scaled. names: the column from which each of the `width` outputs comes.
    split, split_reason: the split that was used and why; its columns are in the schema as `group` and `time`.
    left_out: how many rows are on neither side, by reason.
    """

    recipe: Recipe
    schema: Schema
    task: Task
    classes: tuple[str, ...]
    train: pl.DataFrame
    test: pl.DataFrame
    train_rows: np.ndarray[Any, Any]
    test_rows: np.ndarray[Any, Any]
    train_target: PerRow | None
    test_target: PerRow | None
    unscaled: Inputs
    unscaled_test: Inputs
    names: tuple[str, ...]
    split: str
    split_reason: str
    rows: int
    seed: int
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Sides:
    """Older and newer rows as numbers, where a person gave the older ones. At most 2,000 of either side.

    inputs: (rows, numbers) float64, the older rows first. newer: (rows,) boolean. sources: the column of each number.
    target: (older rows,) as in a Batch; None where they do not say it.
    """

    inputs: Array
    newer: Array
    sources: tuple[str, ...]
    target: Array | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What conditions of the deployment look at: newer rows, beside what a bundle keeps of those it learned from.

    Equal only to itself, as an `Examination`. Of many newer rows it is a sample of 20,000; `rows` counts all of them.

    bundle, data: what they are called, for advice.
    reference: None for a bundle that keeps nothing of the rows it learned from.
    columns, said: spreads of the reference, of input columns and of answers, each with (newer rows,) the bins into
        which the newer rows fall.
    answers: what the bundle says about the newer rows.
    target: (newer rows,) as in a Batch, -1 or NaN where it is not known; None where the newer rows have no such column.
    known: the spread of the target of the older rows, and the bins of the newer ones; None where either is not known.
    confusion: (classes, classes) how many held-out rows of a class (line) got an answer (column); for classes.
    tested: the accuracy, or the mean absolute error, on the test rows.
    telling: columns without which the score was shown to be lower; None where that was not measured.
    slices: parts of the newer rows, by their columns.
    sides: rows of both sides, where the older ones were given.
    """

    bundle: str
    data: str
    recipe: Recipe
    task: Task
    classes: tuple[str, ...]
    reference: Reference | None
    columns: tuple[tuple[Spread, Array], ...]
    said: tuple[tuple[Spread, Array], ...]
    answers: Answers
    target: Array | None
    known: tuple[Spread, Array] | None
    confusion: Array | None
    tested: Measurement | None
    telling: frozenset[str] | None
    rows: int
    seed: int
    slices: tuple[Slice, ...] = ()
    sides: Sides | None = None

    def __len__(self) -> int:
        return len(self.answers.prediction)


@dataclass(frozen=True)
class Condition:
    """A problem that the doctor knows (`conditions/`).

    sees: what `examine` reads. `rows`: an `Examination` of data; `training`: a `Trace` of a training that goes on or
        is over; `answers`: a `Judgement` of answers to held-out rows; `newer rows`: a `Comparison` of rows that came
        later with those that were learned from.
    examine: returns findings, worst first; none when all is well. Raises ValueError, in words, where what it reads
        does not allow a judgement.
    tasks: the tasks it makes sense for.
    proof: `structural` when the signal itself says whether an edit cured it; `effect` when a paired gain must show it.
    silences: conditions that are its symptoms.
    during: what it finds in a training, for one that looks at rows in the first place; reads a `Trace`.
    judged: what it finds in answers, for one that looks at something else in the first place; reads a `Judgement`.
    code: what to change in a training loop of one's own, in a line.
    """

    id: str
    group: Literal["data", "optimisation", "generalisation", "deployment"]
    summary: str
    examine: Callable[[Any], list[Finding]]
    tasks: frozenset[str]
    sees: Literal["rows", "training", "answers", "newer rows"] = "rows"
    proof: Literal["structural", "effect", "advice"] = "advice"
    silences: tuple[str, ...] = ()
    during: Callable[[Trace], list[Finding]] | None = None
    judged: Callable[[Judgement], list[Finding]] | None = None
    code: str = ""
