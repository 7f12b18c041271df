"""A learning rate schedule that is never stepped, so that the rate stays where it began.

Signal, exact: how often the schedule was stepped, one step after the first check on held-out rows, which ends an epoch.
Threshold: once. Silent without a schedule, and before the first epoch has ended: many are stepped once an epoch.
Repair: call it. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    if not trace.told.schedule or trace.schedule_steps is None:
        raise ValueError("no schedule that counts its steps was told: scheduler=... tells it")
    if not trace.checks or trace.steps <= trace.checks[0].step:
        raise ValueError("the first epoch has not ended: w.validation(...) tells its end")
    if trace.schedule_steps > 0:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("steps of the schedule", 0.0, 1.0, trace.steps),
        f"{trace.steps:,} steps and an epoch have gone by, and the schedule of the learning rate was never stepped "
        "(threshold: once). The rate stays at its first value. Call scheduler.step() after optimizer.step(), or after "
        "each epoch, as the schedule wants it.",
        step=trace.steps - 1,
    )


condition = Condition(
    id="scheduler-never-steps",
    group="optimisation",
    summary="a learning rate schedule that is never stepped",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    code="scheduler.step()  # after optimizer.step(), or at the end of each epoch",
)
