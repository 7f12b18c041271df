"""A loss that jumps up in the middle of a training and takes long to recover.

Signal: the median loss of a window of steps over the median of the five windows before it, in median absolute
deviations of these. Threshold: 6 of them (a robust z), for at least 3 windows on end, by at least a half of the level
(luban's catalogue), and so far that half of what was learned until then is lost: recurrent networks on few rows jump
by less, and come back by themselves. Silent in the first fifth of the training, for single hard batches, which a
median does not see, and in trainings of fewer than 100 steps. Repair: clip the gradient, or go back and skip the
batches. Proven by effect.
"""

from __future__ import annotations

import math
from statistics import median

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

DEVIATIONS = 6.0
JUMP = 1.5
WINDOWS = 40
STEPS = 100
BEFORE = 5
LONG = 3
NARROWEST = 5
"""Steps of a window at least."""
LOST = 0.5
"""Share of what was learned by then that is lost."""


def examine(trace: Trace) -> list[Finding]:
    losses = trace.finite_losses
    if len(losses) < STEPS:
        raise ValueError(f"losses of {STEPS} steps are needed, and there were {len(losses)}")
    width = max(len(losses) // WINDOWS, NARROWEST)
    middles = [median(losses[at : at + width]) for at in range(0, len(losses) - width + 1, width)]
    first = max(losses[0], trace.constant_loss or 0.0)
    for at in range(max(len(middles) // 5, BEFORE), len(middles) - LONG + 1):
        calm = middles[at - BEFORE : at]
        level = median(calm)
        scatter = 1.4826 * median(abs(value - level) for value in calm)
        limit = max(level + DEVIATIONS * scatter, JUMP * level, level + LOST * (first - level))
        high = middles[at : at + LONG]
        if level > 0 and min(high) > limit and max(high) < math.inf:
            value = (min(high) - level) / max(scatter, 1e-9 * level)
            return _training.found(
                condition.id,
                "warning",
                Signal("height of the jump in deviations", min(value, 1e6), DEVIATIONS, len(losses)),
                f"around step {trace.number(at * width)} the loss jumped from {level:.4g} to {max(high):.4g} and "
                f"stayed there for {LONG} windows of {width} losses (threshold {DEVIATIONS:g} deviations). Clip the "
                "gradient; or go back to the weights before it and skip these batches.",
                step=trace.number(at * width),
                edits=_training.edits(trace, ("train.clip", 1.0, "no batch moves the weights further than usual")),
            )
    return []


condition = Condition(
    id="loss-spike",
    group="optimisation",
    summary="a loss that jumps up and takes long to recover",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("loss-spike"),
    code="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # before optimizer.step()",
)
