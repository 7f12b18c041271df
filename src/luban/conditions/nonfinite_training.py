"""A loss that is NaN or infinite: every weight is lost at the next step.

Signal: the loss of a step, or a gradient. Threshold: any. Silent while mixed precision skips a step, which it does on
purpose, since the optimiser is then not called. The layer that is named is the first one, in the order of the forward
pass, whose weights or outputs are not finite. Causes that were seen before (numbers in the data, scales, a step size)
silence it. Repair: a smaller learning rate; gradient clipping; float32. Proven by effect.
"""

from __future__ import annotations

import math

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    step = next((number for number, loss in enumerate(trace.losses) if not math.isfinite(loss)), None)
    if not trace.losses:
        raise ValueError("no loss of a step is known")
    if step is None:
        return []
    number = trace.number(step)
    before = [loss for loss in trace.losses[:step] if math.isfinite(loss)]
    return _training.found(
        condition.id,
        "severe",
        Signal("steps whose loss is finite", float(step), float(len(trace.losses)), len(trace.losses)),
        f"the loss of step {number} is not finite{f', after {before[-1]:.4g} before it' if before else ''} (threshold: "
        "every loss is). No weight can be trusted from here on. Go back to the last good weights, and take smaller "
        "steps or clip the gradient.",
        step=number,
        edits=_training.edits(
            trace,
            ("train.learning_rate", _training.rate(trace, 0.1), "a tenth of the step size"),
            ("train.clip", 0.5, "a smaller largest gradient"),
            ("train.precision", "float32", "more digits"),
        ),
    )


condition = Condition(
    id="nonfinite-training",
    group="optimisation",
    summary="a loss or a gradient that is not finite",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("nonfinite-training"),
    code="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # before optimizer.step(); and lr / 10",
)
