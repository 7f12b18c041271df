"""Permutation importance: how much worse the answers are when the values of a column are shuffled (Breiman, 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array
from luban.core.deadline import Deadline
from luban.core.seed import derive
from luban.protocols import Metric
from luban.training.measuring import difference

if TYPE_CHECKING:
    import polars as pl

REPEATS = 5
"""How often each column is shuffled: what one shuffle happens to do averages out."""
MOST_UNITS = 500
"""Rows that the bootstrap draws singly, at most: there are many columns, and a picture needs no third digit."""


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
    frame: rows that were not fitted on; nothing is found where they are fewer than 2, or the metric is undefined.
    target: (rows,) or (rows, labels). Columns that share what they know each seem unimportant.
    With a deadline, columns that it leaves no time for are left out.
    """
    intact = answer(frame)
    if len(target) < 2 or not np.isfinite(metric.score(target, intact)):
        return []
    sign = 1.0 if metric.direction == "higher" else -1.0
    found: list[dict[str, Any]] = []
    for column in columns:
        if deadline is not None and deadline.left() <= 0:
            break
        random = np.random.default_rng(derive(seed, "permutation", column))
        shuffled = [
            answer(frame.with_columns(frame[column].gather(random.permutation(len(frame))))) for _ in range(repeats)
        ]
        change = difference(
            metric, target, intact, *shuffled, seed=derive(seed, "interval", column), most_units=MOST_UNITS
        )
        # A score that is better low rises without the column.
        ends = sorted([sign * change.low, sign * change.high])
        found.append({"column": column, "value": sign * change.value, "low": ends[0], "high": ends[1]})
    return sorted(found, key=lambda row: (-row["value"], row["column"]))
