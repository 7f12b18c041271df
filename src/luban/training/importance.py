"""Permutation importance: how much worse the answers are when the values of a column are shuffled (Breiman, 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged
from luban.core.deadline import Deadline
from luban.core.seed import derive
from luban.data import values as values_of
from luban.protocols import Metric
from luban.training.measuring import difference, upwards

if TYPE_CHECKING:
    import polars as pl

REPEATS = 5
"""How often each column is shuffled: what one shuffle happens to do averages out."""
MOST_UNITS = 500
"""Rows that the bootstrap draws singly, at most: there are many columns, and a picture needs no third digit."""


def telling(frame: pl.DataFrame, columns: Sequence[str], answers: Answers, most: int) -> list[str]:
    """At most so many of the columns, in their order: those whose values rank the rows most like the answers do.

    Columns that are no numbers come first, for there is no rank to tell by.

    >>> import polars as pl
    >>> rows = pl.DataFrame({"a": [1, 5, 2, 4], "b": [1, 2, 3, 4], "c": ["x", "y", "x", "y"]})
    >>> telling(rows, rows.columns, Answers(np.array([10.0, 20.0, 30.0, 40.0])), most=2)
    ['b', 'c']
    """
    if len(columns) <= most:
        return list(columns)
    from scipy.stats import rankdata

    said = answers.prediction if answers.probabilities is None else answers.probabilities
    if isinstance(said, Ragged):
        said = said.lengths
    ranks = rankdata(said.reshape(len(frame), -1), axis=0)
    values = [values_of.floats(frame[column]) for column in columns]
    alike = np.abs(_correlations(rankdata(np.nan_to_num(np.stack(values, axis=1)), axis=0), ranks)).max(axis=1)
    alike[[not np.isfinite(each).any() for each in values]] = np.inf
    kept = np.sort(np.argsort(-alike, kind="stable")[:most])
    return [columns[place] for place in kept]


def _correlations(first: Array, second: Array) -> Array:
    """(columns, columns) of the columns of both; 0 where one is constant."""
    parts = []
    for each in (first, second):
        centred = each - each.mean(axis=0)
        length = np.sqrt((centred**2).sum(axis=0))
        parts.append(centred / np.where(length > 0, length, np.inf))
    return np.asarray(parts[0].T @ parts[1])


def permutation(
    answer: Callable[[pl.DataFrame], Answers],
    frame: pl.DataFrame,
    columns: Sequence[str],
    target: PerRow,
    metric: Metric,
    *,
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
    sign = upwards(metric)
    found: list[dict[str, Any]] = []
    for column in columns:
        if deadline is not None and deadline.left() <= 0:
            break
        random = np.random.default_rng(derive(seed, "permutation", column))
        shuffled = [
            answer(frame.with_columns(frame[column].gather(random.permutation(len(frame))))) for _ in range(REPEATS)
        ]
        change = difference(
            metric, target, intact, *shuffled, seed=derive(seed, "interval", column), most_units=MOST_UNITS
        )
        # A score that is better low rises without the column.
        ends = sorted([sign * change.low, sign * change.high])
        found.append({"column": column, "value": sign * change.value, "low": ends[0], "high": ends[1]})
    return sorted(found, key=lambda row: (-row["value"], row["column"]))
