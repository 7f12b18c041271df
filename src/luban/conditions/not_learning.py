"""A loss that stays where a constant answer has it, for no reason that any other condition names.

Signal: the smoothed loss of the latest tenth of the steps over that of the best constant answer. Threshold: above 0.95
after 100 steps, and no more than a twentieth below the tenth before the middle. Silent before, where the loss of a
constant answer is not known, and whenever a cause was found. What then helps to tell is whether the network can learn
one batch by heart: if not, the fault lies in the network; if so, in the data. Repair: what the recipe sets far from
what is usual; a range test for the learning rate; another network. Proven by effect.
"""

from __future__ import annotations

import math
from statistics import fmean

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

SHARE = 0.95
STEPS = 100


def examine(trace: Trace) -> list[Finding]:
    if trace.constant_loss is None or trace.constant_loss <= 0:
        raise ValueError("the loss of a constant answer is not known: loss=... and the targets of each step tell it")
    if trace.steps < STEPS:
        raise ValueError(f"{STEPS} steps are needed, and there were {trace.steps}")
    losses = [loss for loss in trace.losses if math.isfinite(loss)]
    tenth = max(len(losses) // 10, 1)
    # The first steps do not count: a network that begins wide of a constant answer is soon there, and learns nothing.
    before, last = fmean(losses[4 * tenth : 5 * tenth]), fmean(losses[-tenth:])
    value = last / trace.constant_loss
    if value <= SHARE or last < SHARE * before:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("loss over that of a constant answer", value, SHARE, len(losses)),
        f"after {len(losses):,} steps the loss is {last:.4g}, {value:.0%} of what the best constant answer has "
        f"(threshold {SHARE:.0%}), and nothing says why. Let the network learn one batch by heart: if it cannot, "
        "look at the network and at the loss; if it can, look at the labels and at the order of the rows.",
        step=len(losses) - 1,
        edits=_training.edits(
            trace,
            *_training.holding_back(trace),
            ("train.learning_rate", "auto", "a range test finds the step size"),
            (
                "train.learning_rate",
                trace.watched[-1].rate / 10 if trace.watched else "auto",
                "a tenth of the step size",
            ),
        ),
    )


condition = Condition(
    id="not-learning",
    group="optimisation",
    summary="a loss that stays where a constant answer has it",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("not-learning"),
    code="for _ in range(300): step(the_same_batch)  # does the loss go to zero?",
)
