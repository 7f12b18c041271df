"""Preference margin: by how many nats the answer that was chosen is likelier than the one that was rejected."""

from __future__ import annotations

from luban.batch import Answers, Array, PerRow
from luban.metrics._counted import counted
from luban.metrics._weighted import mean_of
from luban.protocols import Metric


def margin(target: PerRow, answers: Answers) -> Array:
    """(rows,) log p of the chosen answer, less that of the rejected one."""
    found = counted(answers)
    return found[:, 0] - found[:, 1]


metric = Metric(
    name="preference-margin",
    direction="higher",
    tasks=frozenset({"preference"}),
    definition="The mean over pairs of log p of the chosen answer less log p of the rejected one, of whole answers.",
    scores=mean_of(margin),
    each=margin,
)
