"""Exact match: how many answers are, but for their writing, the ones that are wanted."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._answers import compared
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def _each(target: PerRow, answers: Answers) -> Array:
    return compared(target, answers)[:, 0]


metric = Metric(
    name="exact-match",
    direction="higher",
    tasks=frozenset({"question-answering"}),
    definition=(
        "The share of answers that equal the wanted one, both in small letters and without punctuation, articles and "
        "spaces too many (Rajpurkar et al., 2016)."
    ),
    scores=mean_of(_each),
    each=_each,
    interval="wilson",
    bounds=(0.0, 1.0),
)
