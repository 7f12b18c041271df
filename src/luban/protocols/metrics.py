"""A score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from luban.batch import Answers, Array, PerRow
from luban.evidence.measurement import Direction


@dataclass(frozen=True)
class Metric:
    """A score (`metrics/`), defined for weighted rows: the draws of a bootstrap are weights too.

    definition: the formula in a sentence, with its source.
    target: an array, or rows of several lengths, as the tasks have it that the metric is of.
    scores: `scores(target, answers, weights)`: (draws,) scores, one for each row of `weights` (draws, rows); NaN where
        the score is undefined (one class only, say).
    each: (rows,) terms of which the score is the weighted mean, where it is one.
    interval: `wilson` for proportions of rows (it has `each`, of 0 and 1), else `bca`.
    bounds: the smallest and largest possible value.
    """

    name: str
    direction: Direction
    tasks: frozenset[str]
    definition: str
    scores: Callable[[Any, Answers, Array], Array]
    each: Callable[[Any, Answers], Array] | None = None
    interval: Literal["wilson", "bca"] = "bca"
    bounds: tuple[float, float] = (float("-inf"), float("inf"))

    def score(self, target: PerRow, answers: Answers, weight: Array | None = None) -> float:
        """The score of these rows; NaN where it is undefined. weight: (rows,) from zero on, or None for equal ones."""
        import numpy as np

        weights = np.ones((1, len(target))) if weight is None else weight[None, :]
        return float(self.scores(target, answers, weights)[0])
