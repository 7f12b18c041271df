"""Text loss: the nats that a language model needs for a token of raw text; it compares on the same tokens alone."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted, ratio
from luban.protocols import Metric


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    found = counted(answers)
    return ratio(found[:, 0], found[:, 1], weights)


metric = Metric(
    name="text-loss",
    direction="lower",
    tasks=frozenset({"causal-lm"}),
    definition=(
        "The sum of -log p over the tokens of all texts, divided by how many they are. After a tuning on chats it "
        "stands beside what it was before, on texts that nothing was learned from."
    ),
    scores=_scores,
    bounds=(0.0, float("inf")),
)
