"""What a model looks at over many rows: columns that matter, how answers follow them, pairs, a tree like the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from luban.evidence.measurement import without_none


@dataclass(frozen=True)
class Moved:
    """How far a unit moves answers: the mean of its attributions without their signs, over rows.

    value, low, high: in the unit of the answer, with the 95% interval for rows like these. error: the mean standard
        error of an attribution, by which a unit that does nothing may seem to move answers; 0 where they are exact.
    rows: how many rows have the unit.
    """

    unit: str
    value: float
    low: float
    high: float
    error: float
    rows: int


@dataclass(frozen=True)
class Dependence:
    """How the answer follows a column while all others stay as they are (Friedman, 2001).

    grid: values of the column, as they are or as text. at: their places on a line. share: of the rows, how many are
        nearest to each value.
    mean, low, high: the mean answer at each value, with the 95% interval for rows like these.
    inner: the 10% and 90% quantiles of the rows' answers there. curves: of some rows, the answer at each value
        (individual conditional expectation, Goldstein et al., arXiv 1309.6392).
    """

    column: str
    kind: Literal["number", "category"]
    grid: tuple[Any, ...]
    at: tuple[float, ...]
    share: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    inner: tuple[tuple[float, ...], tuple[float, ...]]
    curves: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        found = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        return {**found, "inner": [list(each) for each in self.inner], "curves": [list(each) for each in self.curves]}


@dataclass(frozen=True)
class Interaction:
    """How much of what two columns do together is no sum of what each does alone: Friedman's H squared.

    value, low, high: the variance of that, over the variance of the joint partial dependence, with the 95% interval for
        rows like these: 0 for a sum, above 1 where what each does alone cancels out. strength: its standard deviation
        in the unit of the answer, which is small where little is at stake.
    """

    columns: tuple[str, str]
    value: float
    low: float
    high: float
    strength: float

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "columns": list(self.columns)}


@dataclass(frozen=True)
class Surrogate:
    """A small tree that answers like the model, and how like: measured on rows that it was not grown on.

    metric: accuracy of the class that the model answers, or r2 of its values. fidelity, low, high: with the 95%
        interval. simplest: the same of one answer for all rows. rows: that it is measured on.
    tree: {column, at_most | is, yes, no} or {answer, share, rows}; missing says where a row without a value goes.
        Times are told as text.
    """

    metric: Literal["accuracy", "r2"]
    fidelity: float
    low: float
    high: float
    simplest: float
    rows: int
    leaves: int
    tree: Mapping[str, Any]


@dataclass(frozen=True)
class Overview:
    """What is told over many rows. declined: what is not, and why: {part, reason}.

    output: what is explained; scale: its unit. rows: that were looked at, of how many.
    importance: {column, value, low, high}, by how much `metric` is worse when a column is shuffled.
    html: where a page of it lies.
    """

    output: str
    scale: str
    rows: int
    of: int
    metric: str | None = None
    importance: tuple[Mapping[str, Any], ...] = ()
    method: str | None = None
    reason: str | None = None
    shap: tuple[Moved, ...] = ()
    dependence: tuple[Dependence, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    surrogate: Surrogate | None = None
    declined: tuple[tuple[str, str], ...] = ()
    html: str | None = None

    def to_json(self) -> dict[str, Any]:
        document = {
            **vars(self),
            "importance": [dict(each) for each in self.importance],
            "shap": [vars(each) for each in self.shap],
            "dependence": [each.to_json() for each in self.dependence],
            "interactions": [each.to_json() for each in self.interactions],
            "surrogate": None if self.surrogate is None else vars(self.surrogate),
            "declined": [{"part": part, "reason": reason} for part, reason in self.declined],
        }
        return without_none(document)
