"""F1 of answers: how many of their words are those of the answer that is wanted."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._answers import compared
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def _each(target: PerRow, answers: Answers) -> Array:
    return compared(target, answers)[:, 1]


metric = Metric(
    name="answer-f1",
    direction="higher",
    tasks=frozenset({"question-answering"}),
    definition=(
        "The mean over rows of 2 c / (a + b), c the words that an answer of a words and the wanted one of b words have "
        "in common, written alike as for `exact-match` (Rajpurkar et al., 2016)."
    ),
    scores=mean_of(_each),
    each=_each,
    bounds=(0.0, 1.0),
)
