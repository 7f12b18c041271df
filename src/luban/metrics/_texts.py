"""What is counted of each row of texts, once for any number of weightings: sums of counts make a score of all rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, ragged
from luban.core.lazy import require

Counts = Callable[[list[str], list[str]], Array]
"""`counts(said, wanted)`: (rows, numbers) float64."""


def counted(counts: Counts, target: PerRow, answers: Answers) -> Array:
    """(rows, numbers) what is counted of each row; remembered, for a bootstrap asks again and again."""
    return _counted(counts, ragged(target), ragged(answers.prediction))


@functools.lru_cache(maxsize=8)
def _counted(counts: Counts, target: Ragged, said: Ragged) -> Array:
    # Ragged rows are equal only to themselves, so nothing is ever mistaken for something else.
    if not len(target):
        return np.zeros((0, 1))
    return np.asarray(counts(said.texts(), target.texts()), np.float64)


def sacrebleu(name: str) -> Any:
    """A metric of the package that the field compares by (Post, 2018)."""
    metrics = require("sacrebleu.metrics", extra="nets", purpose="the scores of texts")
    return getattr(metrics, name)
