"""Gradients that are not zeroed between steps: each step also follows the gradients of all steps before it.

Signal, exact: the norm of the gradients as a forward pass begins, in the first five watched steps. Threshold: above
zero in two of them, the first step apart. Silent where batches are added up on purpose and that was declared: the first
of them is looked at. Repair: set the gradients to zero before each step. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    seen = [step for step in trace.watched if step.step > 0 and step.leftover is not None]
    if len(seen) < 2:
        raise ValueError("the gradients before a forward pass were not seen in two steps")
    stale = [step for step in seen if step.leftover]
    if len(stale) < 2:
        return []
    value = stale[-1].leftover or 0.0
    return _training.found(
        condition.id,
        "severe",
        Signal("norm of the gradients before the forward pass", value, 0.0, len(seen)),
        f"in {len(stale)} of {len(seen)} watched steps gradients of norm {value:.3g} were there before the forward "
        "pass (threshold 0): each step adds up all batches so far. Set them to zero before each step; if you add up "
        "batches on purpose, say so: accumulation=K.",
        step=stale[0].step,
    )


condition = Condition(
    id="stale-gradient",
    group="optimisation",
    summary="gradients that are not zeroed between steps",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("stale-gradient"),
    code="optimizer.zero_grad()  # before loss.backward(), in each step",
)
