"""Perplexity: among how many tokens a language model is undecided, on average; it compares on the same tokens alone."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted, ratio
from luban.protocols import Metric


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    found = counted(answers)
    return np.exp(ratio(found[:, 0], found[:, 1], weights))


metric = Metric(
    name="perplexity",
    direction="lower",
    tasks=frozenset({"causal-lm", "chat", "masked-lm"}),
    definition="The exponential of the mean of -log p over all tokens that are asked for; texts are drawn whole.",
    scores=_scores,
    bounds=(1.0, float("inf")),
)
