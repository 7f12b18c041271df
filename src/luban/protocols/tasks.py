"""What is predicted; and tasks that make rows of their own, tag the steps of a row, or have several targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from luban.batch import Answers, PerRow
from luban.recipe.recipe import Recipe, Train
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor


class Task(Protocol):
    """What is predicted (`tasks/`)."""

    name: ClassVar[str]
    supervised: ClassVar[bool]
    metrics: ClassVar[tuple[str, ...]]
    """The names of the metrics that are measured, in the order in which they are shown."""
    compared_by: ClassVar[str]
    """The metric that candidates are compared by where the recipe names none."""
    baseline: ClassVar[str]
    """The model that every result is compared with. A task with several that are equally simple names all of them in
    `baselines`, and held-out rows say which it is.
    """
    link: ClassVar[str]
    """What turns a network's outputs into answers: `softmax`, `sigmoid`, or `identity` for standardised values."""

    def loss(self, outputs: Tensor, target: Tensor, train: Train) -> Tensor:
        """(rows,) what a network minimises, for each row by itself.

        Targets that are sequences come as (rows, steps) int64, with -1 behind the shorter ones, which has no loss.
        """

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """The classes or labels in the order of their codes; the positive class is the last of two. May be empty."""

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> PerRow:
        """The target as a `Batch` holds it; a class that is not among `classes` is -1, a missing value -1 or NaN.

        A missing sequence has no step.
        """

    def outputs(self, classes: tuple[str, ...]) -> int:
        """How many numbers answer a row."""

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        """The answers in what a form gives out. threshold: from which probability the positive class is answered."""


@dataclass(frozen=True)
class Target:
    """One of several targets. name: its column. outputs: how many numbers answer it."""

    name: str
    task: Task
    classes: tuple[str, ...]
    outputs: int


@dataclass(frozen=True, eq=False)
class Arranged:
    """Rows that a task made of the data's rows.

    frame: the rows, with the target as the task encodes it. schema: of their columns; `time` orders them.
    recipe: the recipe in which what was open is found. task: the task, which now knows the recipe.
    ends: the column that says until when the target of a row reaches, in the type of the column of times.
    told: what was done to the data's rows, with counts.
    """

    frame: pl.DataFrame
    schema: Schema
    recipe: Recipe
    task: Task
    ends: str
    told: Mapping[str, int]


@runtime_checkable
class Arranging(Protocol):
    """A task whose rows are not those of the data but made of them, such as windows of series."""

    def arrange(self, frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> Arranged:
        """The rows that are learned from. Raises DataError, in words, for data of which there are none."""

    def suggested(self, frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> str | None:
        """Why this task is the question where nobody named one; None where it is not."""

    def latest(self, frame: pl.DataFrame, schema: Schema, recipe: Recipe) -> pl.DataFrame:
        """The rows whose answers lie ahead of the data, one for each series. recipe: with nothing open."""


@runtime_checkable
class Tagging(Protocol):
    """A task that tags the steps of a row: it reads a column in its own way, and its answers know their tags."""

    def of_tags(self, tags: tuple[str, ...]) -> Task:
        """The task whose answers are these tags."""

    def read(self, schema: Schema) -> Schema:
        """The columns as the task reads them. Raises UsageError, in words, where they are not those that it needs."""

    def suggested(self, frame: pl.LazyFrame, schema: Schema, target: pl.Series) -> str | None:
        """Why this task is the question where nobody named one; None where it is not."""

    def problems(self, values: pl.Series, target: pl.Series) -> Mapping[int, str]:
        """Why a row cannot be learned from, by its number; a row without a target is none of them."""


@runtime_checkable
class Spanning(Protocol):
    """A task whose answers are pieces of a text that is read: it needs columns of certain names.

    unanswered: why a row without a target is left out, and what is written where the text holds no answer.
    """

    unanswered: ClassVar[str]

    def read(self, schema: Schema) -> Schema:
        """The columns as the task reads them. Raises UsageError, in words, where one that it needs is not there."""

    def placed(self, rows: pl.DataFrame, target: pl.Series) -> pl.Series:
        """(rows,) structs of the target and of where it begins in the text, as `encode` takes them too."""

    def misplaced(self, rows: pl.DataFrame, target: pl.Series) -> Mapping[int, tuple[str, str]]:
        """The column of a row that cannot be learned from, and why, by its number. target: as `placed` gives it."""


@runtime_checkable
class Pairing(Protocol):
    """A task that compares the two texts of a row: both are told in the same tokens."""

    def pair(self, schema: Schema) -> Schema:
        """The columns with the two of texts as the only inputs. Raises UsageError unless there are exactly two."""


@runtime_checkable
class Asking(Protocol):
    """A task that consists of several targets, each with a task of its own."""

    def of_targets(self, targets: Sequence[Target]) -> Task:
        """The task of these targets."""


@runtime_checkable
class Modelling(Protocol):
    """A task that learns how texts go on, or what is missing in them: the texts are all that there is.

    Each row is a document. It is measured on documents that are held out; the target of a metric is (rows,) float64,
    how many bytes each of them has.
    """

    whole: ClassVar[bool]
    """Whether all of a text is learned; else the answers in it."""

    def documents(self, schema: Schema) -> Schema:
        """The columns, with the one of texts as the only input. Raises UsageError, in words, where that is open."""

    def sizes(self, texts: pl.Series) -> PerRow:
        """(rows,) float64: the bytes of each text in UTF-8."""
