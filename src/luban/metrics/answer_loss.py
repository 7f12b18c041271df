"""Answer loss: the nats that a language model needs for a token of answers; it compares on the same tokens alone."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted, ratio
from luban.protocols import Metric


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    found = counted(answers)
    return ratio(found[:, 0], found[:, 1], weights)


metric = Metric(
    name="answer-loss",
    direction="lower",
    tasks=frozenset({"chat"}),
    definition=(
        "The sum of -log p over the tokens of all answers, divided by how many they are, so that each token weighs the "
        "same; chats are drawn whole."
    ),
    scores=_scores,
    bounds=(0.0, float("inf")),
)
