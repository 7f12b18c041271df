"""Conformal intervals and sets: ranges of values, or sets of classes, that hold the truth in 90% of cases.

They rest on rows that were held out, and on nothing else: whatever the model, a new row like those is covered with at
least this probability (Vovk et al., 2005). Values get the prediction plus or minus a quantile of the held-out errors;
forecasts get one for each step, which grows with how far their series strays from its own season, and where a model
says quantiles it widens or narrows the span between the outer ones (Romano et al., 2019); classes are in the set when
their probability is as high as that of 90% of the held-out rows of that very class, so that rare classes are covered
as often as common ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from luban.batch import Answers, Array, dense
from luban.core.errors import BundleError
from luban.evidence import intervals
from luban.evidence.measurement import Measurement

LEVEL = 0.9
VALUES = ("regression", "similarity")
"""The tasks with one value a row."""
_MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Conformal:
    """What was learned from held-out rows.

    kind: `interval` for values, `steps` for forecasts, `set` for classes.
    rows, folds: how many rows were held out in how many folds.
    quantile: half the width of an interval. steps: for each step, how far an interval reaches beyond the span that a
    model says (a single value, or its outer quantiles), in the scale of the series.
    thresholds: for each class, from which probability it is in the set.
    """

    kind: Literal["interval", "steps", "set"]
    rows: int
    folds: int
    quantile: float | None = None
    thresholds: tuple[float, ...] | None = None
    steps: tuple[float, ...] | None = None
    level: float = LEVEL

    def around(self, answers: Answers, scale: Array) -> tuple[Array, Array]:
        """(rows, steps) low and high ends around the forecast values. scale: (rows,) of each window's series."""
        if self.steps is None:
            raise ValueError("only forecasts have intervals for their steps.")
        low, high = span(answers)
        reach = scale[:, None] * np.array(self.steps)
        # Where a span is narrowed so far that its ends would cross, its middle is left.
        middle = (low + high) / 2
        return np.minimum(low - reach, middle), np.maximum(high + reach, middle)

    def intervals(self, prediction: Array) -> tuple[Array, Array]:
        """(rows,) low and high ends around the predicted values."""
        if self.quantile is None:
            raise ValueError("classes have sets, not intervals.")
        return prediction - self.quantile, prediction + self.quantile

    def sets(self, probabilities: Array) -> Array:
        """(rows, classes) boolean: the classes in each row's set; the likeliest one always."""
        if self.thresholds is None:
            raise ValueError("values have intervals, not sets.")
        inside = probabilities >= np.array(self.thresholds)
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        return inside

    def covered(self, outputs: Array, target: Array) -> Array:
        """(rows,) boolean: whether the interval or set holds the truth."""
        if self.kind == "interval":
            low, high = self.intervals(outputs[:, 0])
            return (low <= target) & (target <= high)
        known = np.flatnonzero(target >= 0)
        found = np.zeros(len(target), dtype=bool)
        found[known] = self.sets(outputs[known])[np.arange(len(known)), target[known]]
        return found

    def coverage(self, outputs: Array, target: Array) -> Measurement:
        """The share of rows whose interval or set holds the truth. outputs: (rows, outputs) as a form gives them."""
        covered = self.covered(outputs, target)
        share = float(covered.mean())
        low, high = intervals.wilson(float(covered.sum()), len(covered))
        if self.kind == "interval":
            size = f"intervals are {2 * (self.quantile or 0.0):.4g} wide"
        else:
            size = f"sets hold {self.sets(outputs).sum(axis=1).mean():.2f} classes on average"
        return Measurement(
            metric="conformal-coverage",
            value=share,
            low=low,
            high=high,
            direction="higher",
            rows=len(covered),
            split="test",
            how=f"Wilson interval; {self.level:.0%} is aimed at; {size}",
        )

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"kind": self.kind, "level": self.level, "rows": self.rows, "folds": self.folds}
        if self.quantile is not None:
            document["quantile"] = self.quantile
        if self.thresholds is not None:
            document["thresholds"] = list(self.thresholds)
        if self.steps is not None:
            document["steps"] = list(self.steps)
        return document

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """What `to_json` wrote; BundleError for anything else."""
        if not isinstance(document, Mapping):
            raise _odd("it is no object")
        given = dict(document)
        kind, level = given.pop("kind", None), given.pop("level", None)
        rows, folds = (_whole(given.pop(name, None), name) for name in ("rows", "folds"))
        if not _number(level) or not 0 < level < 1:
            raise _odd(f"its level is {level!r:.40}")
        if kind == "interval":
            quantile = given.pop("quantile", None)
            if given or not _number(quantile) or quantile < 0:
                raise _odd("an interval has a quantile from 0 on, and nothing else")
            return cls("interval", rows, folds, quantile=float(quantile), level=float(level))
        if kind == "steps":
            steps = given.pop("steps", None)
            if given or not isinstance(steps, list) or not 1 <= len(steps) <= _MOST_CLASSES:
                raise _odd("a forecast has a width for each step, and nothing else")
            if not all(_number(value) for value in steps):
                raise _odd("the width of a step is no number")
            return cls("steps", rows, folds, steps=tuple(map(float, steps)), level=float(level))
        thresholds = given.pop("thresholds", None)
        if kind != "set" or given or not isinstance(thresholds, list) or not 2 <= len(thresholds) <= _MOST_CLASSES:
            raise _odd("it is neither an interval nor a set of classes")
        if not all(_number(value) and 0 <= value <= 1 for value in thresholds):
            raise _odd("a threshold is not a number from 0 to 1")
        return cls("set", rows, folds, thresholds=tuple(map(float, thresholds)), level=float(level))


def fit(task: str, outputs: Array, target: Array, folds: Array) -> Conformal | None:
    """The intervals (of values) or sets (`binary`, `multiclass`); None where fewer than 9 rows were held out.

    outputs: (rows, outputs) of rows that were not fitted on. target: (rows,) values or codes. folds: (rows,).
    """
    rows, count = len(target), len(np.unique(folds))
    if task in VALUES:
        quantile = _quantile(np.abs(outputs[:, 0] - target))
        return None if quantile is None else Conformal("interval", rows, count, quantile=quantile)
    right = outputs[np.arange(rows), target]
    everyone = _quantile(-right)
    if everyone is None:
        return None
    # A class with too few rows of its own takes what holds for all.
    own = [_quantile(-right[target == code]) for code in range(outputs.shape[1])]
    thresholds = tuple(min(max(-(everyone if value is None else value), 0.0), 1.0) for value in own)
    return Conformal("set", rows, count, thresholds=thresholds)


def fit_steps(answers: Answers, target: Array, folds: Array) -> Conformal | None:
    """The intervals of forecasts, one for each step; None where fewer than 9 windows were held out.

    answers: about windows that were not fitted on. target: (rows, steps + 1). folds: (rows,).
    """
    low, high = span(answers)
    truth, scale = target[:, :-1], target[:, -1]
    known = scale > 0
    beyond = np.maximum(low - truth, truth - high)[known] / scale[known, None]
    found = [_quantile(step) for step in beyond.T]
    if not all(value is not None for value in found):
        return None
    steps = tuple(value for value in found if value is not None)
    return Conformal("steps", int(known.sum()), len(np.unique(folds)), steps=steps)


def covered_steps(conformal: Conformal, answers: Answers, target: Array) -> Measurement:
    """The share of steps of test rows whose interval holds the truth. Windows are counted: their steps go together."""
    low, high = conformal.around(answers, target[:, -1])
    inside = (low <= target[:, :-1]) & (target[:, :-1] <= high)
    share, rows = float(inside.mean()), len(target)
    ends = intervals.wilson(share * rows, rows)
    return Measurement(
        metric="conformal-coverage",
        value=share,
        low=ends[0],
        high=ends[1],
        direction="higher",
        rows=rows,
        split="test",
        how=(
            f"Wilson interval for {rows:,} windows, which overlap; {conformal.level:.0%} is aimed at; intervals are "
            f"{float((high - low).mean()):.4g} wide on average"
        ),
    )


def span(answers: Answers) -> tuple[Array, Array]:
    """(rows, steps) what a model says is the range of a step: its outer quantiles, or twice its value."""
    if answers.quantiles is None:
        return dense(answers.prediction), dense(answers.prediction)
    return answers.quantiles[:, :, 0], answers.quantiles[:, :, -1]


def _quantile(values: Array) -> float | None:
    """The smallest value that a further one stays within with probability `LEVEL`; None where no value is.

    >>> _quantile(np.arange(1.0, 10.0)), _quantile(np.arange(8.0))
    (9.0, None)
    """
    place = math.ceil((len(values) + 1) * LEVEL)
    return float(np.sort(values)[place - 1]) if place <= len(values) else None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _odd(f"'{name}' is {value!r:.40}")
    return value


def _odd(problem: str) -> BundleError:
    return BundleError(f"the record of the conformal intervals or sets cannot be used: {problem}.")
