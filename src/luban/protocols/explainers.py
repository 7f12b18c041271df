"""An explainer: what each unit of a row adds to an answer, found in one way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from luban.batch import Array
from luban.evidence.explanation import Scale, Unit
from luban.protocols.features import Cut, Encoder
from luban.protocols.forms import Form

if TYPE_CHECKING:
    import polars as pl

Values: TypeAlias = Callable[[Array, Array], Array]
"""`values(coalitions, games)`: (coalitions, games) float64 for (coalitions, units) boolean, True for what stays, and
the numbers of the games that are asked for."""


@dataclass(frozen=True, eq=False)
class Inside:
    """The model itself, for those who look into it rather than ask it.

    rebuilt: makes the form, which is what answers; it may need torch. encoder: what turns rows into its inputs.
    places: (games,) int64, which number of what it gives out is explained, or -1 where that is no single one.
    step: (games,) int64, of an answer to each step of a row which step is meant; -1 elsewhere.
    usual: one row about which nothing is known, or some rows of a background.
    """

    rebuilt: Callable[[], Form]
    encoder: Encoder
    places: Array
    step: Array
    usual: pl.DataFrame

    @functools.cached_property
    def form(self) -> Form:
        """What answers."""
        return self.rebuilt()


@dataclass(frozen=True, eq=False)
class Subject:
    """Rows that have equally many units; each with the answer that is explained is a game.

    frame: the rows as the encoder reads them. units: of each row. numbers: (games,) the rows' numbers in the data.
    values: the answers with some units left out, in `scale`. A unit that is left out has its usual value; with a
        background of several rows it has their values, and the answer is the mean of what each gives.
    Columns that have the usual value already are no units: they add nothing.
    cuts: of each row how its columns with pieces are cut, by name; their units come behind the whole columns, in this
        order.
    answer: for rows like those in `frame` and the number of a game, (rows,) float64 what is explained of them, in
        `scale`. said: what is answered to rows, as a person reads it.
    task: the name of the task. inside: the model itself.
    """

    frame: pl.DataFrame
    units: tuple[tuple[Unit, ...], ...]
    cuts: tuple[Mapping[str, Cut], ...]
    numbers: tuple[int, ...]
    values: Values
    answer: Callable[[pl.DataFrame, int], Array]
    said: Callable[[pl.DataFrame], Sequence[Any]]
    scale: Scale
    task: str
    inside: Inside

    @property
    def count(self) -> int:
        """How many units each row has."""
        return len(self.units[0])


@dataclass(frozen=True)
class Effort:
    """How much is asked of an explainer.

    calls: rows that the model is asked for each row that is explained, at most; None leaves it to the explainer.
    error: the standard error that is enough, in the unit of the answer; None for what the calls give.
    """

    calls: int | None = None
    error: float | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Attributed:
    """What an explainer found of one game.

    values: (units,) float64 what each unit adds. errors: (units,) their standard errors, 0 where exact, or None where
    the method has none. base, whole: the answer without any unit, and with all, in `scale`.
    complete: whether the values divide the answer up, so that their sum is to be whole - base.
    more: what is told beside, as JSON values.
    """

    values: Array
    errors: Array | None
    base: float
    whole: float
    calls: int
    scale: Scale
    complete: bool = True
    more: Mapping[str, Any] = field(default_factory=dict)


class Explainer(Protocol):
    """A way to explain (`explainers/`). Final; deterministic in what it is given."""

    name: ClassVar[str]

    def declines(self, subject: Subject) -> str | None:
        """Why it cannot explain this, in words; None where it can."""

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        """Its place among those that `auto` chooses from, smaller is earlier, and the reason; None to stand aside."""

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        """What it found, game by game. Raises UsageError, naming the number that would do, for too few calls."""
