"""Preference accuracy: how often the answer that was chosen is likelier than the one that was rejected."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def right(target: PerRow, answers: Answers) -> Array:
    """(rows,) 1 where the chosen answer is likelier."""
    found = counted(answers)
    return (found[:, 0] > found[:, 1]).astype("float64")


metric = Metric(
    name="preference-accuracy",
    direction="higher",
    tasks=frozenset({"preference"}),
    definition="The share of pairs of which the chosen answer has a higher log p than the rejected one.",
    scores=mean_of(right),
    each=right,
    interval="wilson",
    bounds=(0.0, 1.0),
)
