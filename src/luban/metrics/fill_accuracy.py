"""Fill accuracy: how many of the tokens that were hidden a masked language model fills with the very same ones."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted, ratio
from luban.protocols import Metric


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    found = counted(answers)
    return ratio(found[:, 2], found[:, 1], weights)


metric = Metric(
    name="fill-accuracy",
    direction="higher",
    tasks=frozenset({"masked-lm"}),
    definition=(
        "The share of the masked tokens whose likeliest prediction is the token that was there; texts are drawn whole."
    ),
    scores=_scores,
    bounds=(0.0, 1.0),
)
