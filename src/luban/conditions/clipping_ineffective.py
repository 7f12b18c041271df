"""A gradient with a larger norm than it was declared to be clipped to.

Signal, exact: the norm of the gradients as the optimiser gets them, over the declared norm, in the watched steps.
Threshold: 1.01. Silent where no clipping was declared. Usual reasons: it is clipped before the backward pass, after the
step, or another network's parameters are; with mixed precision, before the gradients are unscaled. Repair: clip between
backward and step. Proven structurally.
"""

from __future__ import annotations

import math

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

SHARE = 1.01


def examine(trace: Trace) -> list[Finding]:
    clip = trace.told.clip
    if clip is None:
        raise ValueError("no clipping was declared: clip=... declares it")
    norms = [(step.gradient, step.step) for step in trace.watched if math.isfinite(step.gradient)]
    if not norms:
        raise ValueError("no step was watched")
    over = [(norm, step) for norm, step in norms if norm > SHARE * clip]
    if not over:
        return []
    largest = max(norm for norm, _ in over)
    return _training.found(
        condition.id,
        "severe",
        Signal("gradient norm over the declared one", largest / clip, SHARE, len(norms)),
        f"in {len(over)} of {len(norms)} watched steps the gradient's norm was above {clip:g}, up to {largest:.4g} "
        f"(threshold {SHARE:g} times): it is not clipped where you think. Clip between backward and step, and after "
        "scaler.unscale_ with mixed precision.",
        step=over[0][1],
    )


condition = Condition(
    id="clipping-ineffective",
    group="optimisation",
    summary="a gradient larger than its declared clipping norm",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("clipping-ineffective"),
    code="torch.nn.utils.clip_grad_norm_(model.parameters(), clip)  # between backward() and optimizer.step()",
)
