"""Weights that are meant to be one and are two: an embedding and an output layer that began equal and drifted apart.

Signal, exact: an embedding and a linear layer with equal weights at the start that are different parameters, and differ
after steps. Threshold: one pair. Silent for pairs that are one parameter, and for those that stay equal. Usual reasons:
the tie was made before the network was copied, moved or wrapped. Repair: tie them again. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    if not any(step.layers for step in trace.watched):
        raise ValueError("no step was watched")
    if not trace.untied:
        return []
    one, other = trace.untied[0]
    return _training.found(
        condition.id,
        "severe",
        Signal("pairs of weights that went apart", float(len(trace.untied)), 0.0, len(trace.parameters)),
        f"'{one}' and '{other}' began equal, as tied weights do, and went apart (threshold: no pair may): they are two "
        "parameters. Tie them after the network was moved or loaded.",
        layer=other.rpartition(".")[0],
        step=trace.watched[-1].step,
    )


condition = Condition(
    id="untied-weights",
    group="optimisation",
    summary="tied weights that drifted apart",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    code="output.weight = embedding.weight  # after model.to(device), load_state_dict and the like",
)
