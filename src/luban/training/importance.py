"""Permutation importance: how much worse the answers are when the values of a column are shuffled (Breiman, 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array
from luban.core.deadline import Deadline
from luban.core.seed import derive
from luban.evidence import intervals
from luban.protocols import Metric

if TYPE_CHECKING:
    import polars as pl

REPEATS = 5
"""How often each column is shuffled: what one shuffle happens to do averages out."""


def permutation(
    answer: Callable[[pl.DataFrame], Answers],
    frame: pl.DataFrame,
    columns: Sequence[str],
    target: Array,
    metric: Metric,
    *,
    repeats: int = REPEATS,
    seed: int = 0,
    deadline: Deadline | None = None,
) -> list[dict[str, Any]]:
    """[{column, value, low, high}], the most important column first.

    value: by how much the score is worse without the column, in the metric's unit; about 0 for a column that does not
    matter, below it for one that misleads. low, high: the 95% interval for rows like these, never of zero width.
    frame: rows that were not fitted on; nothing is found where they are fewer than 2, or the metric is undefined on them.
    target: (rows,) or (rows, labels). Columns that share what they know each seem unimportant.
    With a deadline, columns that it leaves no time for are left out.
    """
    intact = answer(frame)
    if len(target) < 2 or not np.isfinite(metric.score(target, intact)):
        return []
    found = []
    for column in columns:
        if deadline is not None and deadline.left() <= 0:
            break
        random = np.random.default_rng(derive(seed, "permutation", column))
        shuffled = [
            answer(frame.with_columns(frame[column].gather(random.permutation(len(frame))))) for _ in range(repeats)
        ]
        found.append({"column": column, **_drop(metric, target, intact, shuffled, derive(seed, "interval", column))})
    return sorted(found, key=lambda row: (-row["value"], row["column"]))


def _drop(metric: Metric, target: Array, intact: Answers, shuffled: list[Answers], seed: int) -> dict[str, float]:
    sign = 1.0 if metric.direction == "higher" else -1.0

    def drops(weights: Array) -> Array:
        without = np.mean([metric.scores(target, answers, weights) for answers in shuffled], axis=0)
        return np.asarray(sign * (metric.scores(target, intact, weights) - without))

    rows = len(target)
    value = float(drops(np.ones((1, rows)))[0])
    interval = intervals.bca(drops, rows, seed=seed, heavy_tails=not np.isfinite(metric.bounds).all(), blocks=50)
    low, high = interval.low, interval.high
    if high - low <= 0:
        # No answer changed: of as many rows as may be missed by chance it might have.
        width = intervals.unseen(rows) * _size(metric, metric.score(target, intact))
        low, high = value - width, value + width
    return {"value": value, "low": low, "high": high}


def _size(metric: Metric, score: float) -> float:
    low, high = metric.bounds
    return high - low if np.isfinite(high - low) else abs(score) or 1.0
