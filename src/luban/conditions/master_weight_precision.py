"""Weights kept in half precision while they are trained: updates smaller than their last digit are lost.

Signal, exact: parameters in the optimiser that are stored as float16 or bfloat16. Threshold: one. A bfloat16 has 8 bits
of digits, so a step of less than 1/256 of a weight does nothing, and usual steps are a thousandth. Silent for
parameters that stay, and for autocast, which keeps weights in float32. Repair: weights in float32, and half precision
by autocast. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    if not trace.parameters:
        raise ValueError("the parameters are not known")
    half = [one for one in trace.parameters if one.storage in ("float16", "bfloat16") and one.learns and one.optimised]
    if not half:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("trained parameters in half precision", float(len(half)), 0.0, len(trace.parameters)),
        f"{len(half)} parameters such as '{half[0].name}' are trained as {half[0].storage} (threshold: none may be): "
        "steps below their last digit are lost. Keep the weights in float32, and take half precision by autocast.",
        layer=half[0].layer,
        step=0,
    )


condition = Condition(
    id="master-weight-precision",
    group="optimisation",
    summary="weights trained in half precision",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("master-weight-precision"),
    code="model.float(); with torch.autocast('cpu', torch.bfloat16): ...",
)
