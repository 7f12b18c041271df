"""A small tree that answers like the model, and how like it does so on rows that it was not grown on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.evidence import intervals
from luban.evidence.overview import Surrogate

if TYPE_CHECKING:
    import polars as pl

DEPTH = 3
"""Questions to an answer, at most: what a person reads at once."""
HELD_OUT = 1 / 3
LEAST = 30
"""Rows without which no tree is grown."""
_LEAF = 0.03
"""Of the rows, how many an answer has at least."""
_NAMES = 8
"""Values of a category that a question may be about, at most."""


def surrogate(
    frame: pl.DataFrame, places: Mapping[str, Array | None], said: Array, classes: Sequence[str], *, seed: int
) -> Surrogate | str:
    """A tree of at most eight answers for what a model said of rows; or why there is none, in words.

    places: of each column that may be asked about where its values lie on a line; None where they are names.
    said: (rows,) codes of `classes`, or values where there are none.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if len(frame) < LEAST:
        return f"{len(frame)} rows are too few to grow a tree and to measure it on others; {LEAST} would do"
    if not places:
        return "no column is a number or a category"
    if len(np.unique(said)) < 2:
        return "the model says the same of all of these rows"
    matrix, questions = _matrix(frame, places)
    order = np.random.default_rng(derive(seed, "surrogate")).permutation(len(frame))
    held, grown = np.split(order, [int(len(order) * HELD_OUT)])
    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = kind(max_depth=DEPTH, min_samples_leaf=_LEAF, random_state=0).fit(matrix[grown], said[grown])
    told, truth = tree.predict(matrix[held]), said[held]
    if classes:
        right = int((told == truth).sum())
        usual = np.bincount(said[grown].astype(np.int64)).argmax()
        low, high = intervals.wilson(right, len(held))
        fidelity, simplest = right / len(held), float((truth == usual).mean())
    else:
        fidelity, low, high = _explained(truth, told, seed)
        simplest = _explained(truth, np.full(len(held), said[grown].mean()), seed)[0]
    return Surrogate(
        metric="accuracy" if classes else "r2",
        fidelity=fidelity,
        low=low,
        high=high,
        simplest=simplest,
        rows=len(held),
        leaves=int(tree.get_n_leaves()),
        tree=_told(tree, 0, questions, [classes[int(code)] for code in tree.classes_] if classes else ()),
    )


def _explained(truth: Array, told: Array, seed: int) -> tuple[float, float, float]:
    """R squared and its interval."""

    def statistic(counts: Array) -> Array:
        total = counts.sum(axis=1)
        mean = counts @ truth / total
        spread = counts @ truth**2 - total * mean**2
        left = counts @ (truth - told) ** 2
        return np.asarray(1 - np.divide(left, spread, out=np.ones_like(left), where=spread > 0))

    value = float(statistic(np.ones((1, len(truth))))[0])
    ends = intervals.bca(statistic, len(truth), seed=derive(seed, "fidelity"), heavy_tails=True)
    high = ends.high if ends.high - ends.low > 0 else min(1.0, value + intervals.unseen(len(truth)))
    return value, min(ends.low, value), max(high, value)


def _matrix(frame: pl.DataFrame, places: Mapping[str, Array | None]) -> tuple[Array, list[tuple[str, Any]]]:
    """(rows, questions), NaN where a number is missing; and of each the column, and the name that is asked for,
    or how its places are told."""
    parts, questions = [], []
    for column, known in places.items():
        if known is not None:
            parts.append(np.where(np.isfinite(known), known, np.nan))
            questions.append((column, _number if frame[column].dtype.is_numeric() else _time))
            continue
        for value in frame[column].drop_nulls().value_counts(sort=True)[column].head(_NAMES).sort():
            parts.append((frame[column] == value).fill_null(False).to_numpy().astype(np.float64))
            questions.append((column, value))
    return np.stack(parts, axis=1), questions


def _told(tree: Any, node: int, questions: Sequence[tuple[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """The tree from a node on, as nested documents."""
    inside = tree.tree_
    yes, no = int(inside.children_left[node]), int(inside.children_right[node])
    if yes < 0:
        values = inside.value[node].ravel()
        rows = int(inside.n_node_samples[node])
        if not classes:
            return {"answer": float(values[0]), "rows": rows}
        return {"answer": classes[int(values.argmax())], "share": float(values.max() / values.sum()), "rows": rows}
    column, asked = questions[int(inside.feature[node])]
    left, right = _told(tree, yes, questions, classes), _told(tree, no, questions, classes)
    if not callable(asked):
        # An indicator is at most one half where a row has another value.
        return {"column": column, "is": asked if isinstance(asked, bool) else str(asked), "yes": right, "no": left}
    missing = "yes" if inside.missing_go_to_left[node] else "no"
    at_most = asked(float(inside.threshold[node]))
    return {"column": column, "at_most": at_most, "missing": missing, "yes": left, "no": right}


def _number(place: float) -> float:
    return place


def _time(place: float) -> str:
    """Days since 1970 as a time.

    >>> _time(1.5)
    '1970-01-02 12:00'
    """
    return f"{datetime(1970, 1, 1) + timedelta(days=place):%Y-%m-%d %H:%M}"
