"""Measuring: a metric's figure on some rows, its 95% interval, and the paired difference to a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, joined
from luban.evidence import intervals
from luban.evidence.intervals import Interval
from luban.evidence.measurement import Baseline, Difference, Measurement, Part
from luban.protocols import Metric

_CELLS = 15_000_000
"""Numbers that a metric's jackknife over blocks may look at: about a second's work for the slowest ones."""
_NARROWEST = 1e-12


def upwards(metric: Metric) -> float:
    """1 for a metric of which more is better, else -1: of any score times this more is better."""
    return 1.0 if metric.direction == "higher" else -1.0


@dataclass(frozen=True)
class Rows:
    """The rows that are measured.

    unit: (rows,) codes from 0 of what was drawn independently: each row its own, or the group that it shares.
    """

    target: PerRow
    weight: Array | None
    unit: Array | None
    units: int

    @classmethod
    def of(cls, target: PerRow, weight: Array | None, groups: Array | None) -> Self:
        if groups is None or len(np.unique(groups)) < 2:
            return cls(target, weight, None, len(target))
        names, first, code = np.unique(groups, return_index=True, return_inverse=True)
        # In the order in which they appear, so that what groups are called decides nothing.
        unit = np.argsort(np.argsort(first))[code]
        if len(names) == len(target):
            return cls(target, weight, None, len(target))
        return cls(target, weight, unit, len(names))

    @property
    def of_what(self) -> str:
        return "rows" if self.unit is None else "groups of rows"

    def weights(self, counts: Array) -> Array:
        """(draws, rows) from (draws, units) counts."""
        spread = counts if self.unit is None else counts[:, self.unit]
        return spread if self.weight is None else spread * self.weight

    @property
    def effective(self) -> float:
        """How many rows of equal weight know as much (Kish, 1965)."""
        if self.weight is None:
            return float(len(self.target))
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    @property
    def rarest(self) -> float:
        """Rows of the rarest class, or all of them where there are no classes."""
        if isinstance(self.target, Ragged) or self.target.dtype.kind == "f" or self.target.ndim == 2:
            return self.effective
        counts = np.unique(self.target, return_counts=True)[1]
        return float(min(counts.min(), self.effective))


def measure(
    metric: Metric,
    target: PerRow,
    answers: Answers,
    *,
    weight: Array | None = None,
    groups: Array | None = None,
    split: Part,
    baseline: tuple[str, Answers] | None = None,
    seed: int = 0,
    how: str = "",
) -> Measurement:
    """The figure of these answers, with its interval; with a baseline also that one's and the paired difference.

    groups: (rows,) codes; rows of equal code are drawn together. baseline: the name of a model and its answers.
    how: where the rows come from, put before the method of the interval.
    Raises ValueError where the metric is undefined on these rows (one class only, say).
    """
    rows = Rows.of(target, weight, groups)
    value = metric.score(target, answers, weight)
    if not np.isfinite(value):
        raise ValueError(f"{metric.name} is undefined on these rows.")
    interval = _interval(metric, rows, answers, value, seed)
    simplest = paired = None
    if baseline is not None and np.isfinite(compared := metric.score(target, baseline[1], weight)):
        simplest = Baseline(baseline[0], compared)
        paired = difference(metric, target, answers, baseline[1], weight=weight, groups=groups, seed=seed)
    return Measurement(
        metric=metric.name,
        value=value,
        low=interval.low,
        high=interval.high,
        direction=metric.direction,
        rows=len(target),
        split=split,
        how=f"{how}; {interval.method}" if how else interval.method,
        baseline=simplest,
        difference=paired,
    )


def difference(
    metric: Metric,
    target: PerRow,
    first: Answers,
    *others: Answers,
    weight: Array | None = None,
    groups: Array | None = None,
    seed: int = 0,
    most_units: int = intervals.MOST_UNITS,
) -> Difference:
    """first's score less the mean of the others' on the same rows, with a paired interval.

    most_units: see `intervals.bca`. Raises ValueError where a score is undefined.
    """
    scores = [metric.score(target, answers, weight) for answers in (first, *others)]
    value = scores[0] - float(np.mean(scores[1:]))
    if not np.isfinite(value):
        raise ValueError(f"{metric.name} is undefined on these rows.")
    rows = Rows.of(target, weight, groups)
    if metric.interval == "wilson" and len(others) == 1 and rows.unit is None:
        return _proportions(metric, rows, first, others[0], value)

    def statistic(counts: Array) -> Array:
        weights = rows.weights(counts)
        mean = np.mean([metric.scores(target, answers, weights) for answers in others], axis=0)
        return np.asarray(metric.scores(target, first, weights) - mean)

    low = high = value
    if rows.units >= 2:
        found = _bootstrap(metric, rows, first, statistic, seed, most_units)
        low, high = found.low, found.high
    if high - low <= _NARROWEST * _scale(metric, scores[0]):
        distance = intervals.unseen(rows.rarest) * _scale(metric, scores[0])
        low, high = value - distance, value + distance
    return Difference(value, low, high)


def _interval(metric: Metric, rows: Rows, answers: Answers, value: float, seed: int) -> Interval:
    if metric.interval == "wilson":
        return _proportion(metric, rows, answers, value)
    if rows.units < 2:
        return _floor(metric, rows, answers, value, "one row has no spread")

    def statistic(counts: Array) -> Array:
        return metric.scores(rows.target, answers, rows.weights(counts))

    found = _bootstrap(metric, rows, answers, statistic, seed)
    if found.high - found.low <= _NARROWEST * _scale(metric, value):
        return _floor(metric, rows, answers, value, "no row differs from the others")
    return Interval(max(found.low, metric.bounds[0]), min(found.high, metric.bounds[1]), found.method)


def _bootstrap(
    metric: Metric,
    rows: Rows,
    answers: Answers,
    statistic: Callable[[Array], Array],
    seed: int,
    most_units: int = intervals.MOST_UNITS,
) -> Interval:
    said = answers.probabilities
    columns = said.shape[1] if isinstance(said, np.ndarray) else 1
    cells = len(rows.target) * max(1, columns - 1)
    return intervals.bca(
        statistic,
        rows.units,
        seed=seed,
        heavy_tails=not np.isfinite(metric.bounds).all(),
        most_units=most_units,
        blocks=int(np.clip(_CELLS / cells, 30, intervals.BLOCKS)),
        of=rows.of_what,
    )


def _proportion(metric: Metric, rows: Rows, answers: Answers, value: float) -> Interval:
    """Wilson's interval, for the number of independent rows that know as much as these."""
    n, quantile, method = rows.effective, intervals.NORMAL, "Wilson interval"
    if rows.unit is not None and metric.each is not None:
        away = metric.each(rows.target, answers) - value
        weight = np.ones(len(away)) if rows.weight is None else rows.weight
        sums = np.bincount(rows.unit, away * weight, minlength=rows.units)
        variance = rows.units / (rows.units - 1) * float((sums**2).sum()) / float(weight.sum()) ** 2
        # Rows that all agree say nothing of how alike the rows of a group are: then each group counts as one row.
        n = min(n, value * (1 - value) / variance if variance > 0 else rows.units)
        quantile, method = intervals.student(rows.units - 1), f"Wilson interval for {rows.units:,} groups of rows"
    low, high = intervals.wilson(min(value, 1.0) * n, n, quantile=quantile)
    return Interval(low, high, method)


def _floor(metric: Metric, rows: Rows, answers: Answers, value: float, why: str) -> Interval:
    """An interval where the rows show no spread: what the score would be if rows of a kind not seen were among them.

    As many of them as may be missed by chance (`intervals.unseen`) are answered with the answer to another row.
    """
    share = intervals.unseen(rows.rarest)
    count = len(rows.target)
    order = np.argsort(_first_numbers(rows.target), kind="stable")
    elsewhere = np.empty(count, dtype=np.int64)
    elsewhere[order] = order[(np.arange(count) + count // 2) % count]
    both = answers.take(np.concatenate([np.arange(count), elsewhere]))
    weight = np.ones(count) if rows.weight is None else rows.weight
    mixed = metric.score(
        joined([rows.target, rows.target]), both, np.concatenate([(1 - share) * weight, share * weight])
    )
    distance = abs(mixed - value) if np.isfinite(mixed) else 0.0
    if distance <= _NARROWEST * _scale(metric, value):
        distance = share * _scale(metric, value)
    low, high = max(value - distance, metric.bounds[0]), min(value + distance, metric.bounds[1])
    return Interval(low, high, f"{why}: as far as {share:.1%} unseen rows that are answered at random could move it")


def _first_numbers(target: PerRow) -> Array:
    """(rows,) a number by which rows with unlike targets lie apart; of sequences their lengths."""
    if isinstance(target, Ragged):
        return target.lengths
    return target if target.ndim == 1 else target[:, 0]


def _scale(metric: Metric, value: float) -> float:
    """How far a score can go: the width of its bounds, or its own size where it has none."""
    low, high = metric.bounds
    return high - low if np.isfinite(high - low) else abs(value) or 1.0


def _proportions(metric: Metric, rows: Rows, first: Answers, second: Answers, value: float) -> Difference:
    assert metric.each is not None, "a proportion is a mean of rows"
    gain = metric.each(rows.target, first) - metric.each(rows.target, second)
    weight = np.ones(len(gain)) if rows.weight is None else rows.weight
    n = rows.effective
    gained, lost = (float(weight[gain * sign > 0].sum() / weight.sum()) * n for sign in (1, -1))
    low, high = intervals.proportion_difference(gained, lost, n)
    return Difference(value, min(low, value), max(high, value))
