"""Bits per byte: how many bits a language model needs for a byte of text; whatever its tokens are, it compares."""

from __future__ import annotations

import math

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted, ratio, sizes
from luban.protocols import Metric


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    return ratio(counted(answers)[:, 0] / math.log(2), sizes(target), weights)


metric = Metric(
    name="bits-per-byte",
    direction="lower",
    tasks=frozenset({"causal-lm"}),
    definition=(
        "The sum of -log2 p over all tokens, the end of each text among them, divided by the bytes of the texts in "
        "UTF-8; texts are drawn whole."
    ),
    scores=_scores,
    bounds=(0.0, float("inf")),
)
