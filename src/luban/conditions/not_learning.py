"""A loss that stays where a constant answer has it, for no reason that any other condition names.

Signal: the smoothed loss of the latest tenth of the steps over that of the best constant answer. Threshold: above 0.95
after 100 steps, and no more than a twentieth below the tenth before the middle; after 1,000 steps where a layer is
recurrent: such networks stand on a plateau first, until what came early reaches the answer. Silent before, where the
loss of a constant answer is not known, and whenever a cause was found. What then helps to tell is whether the network
can learn one batch by heart: if not, the fault lies in the network; if so, in the data. Repair: what the recipe sets
far from what is usual; a range test for the learning rate; another network. Proven by effect.

Weights may learn while the average that answers in their place does not. Signal: the share of the first weights that
will still be in it when all planned steps are done, its decay to the power of their number. Threshold 0.2: half of what
is averaged is then older than four tenths of the training. Silent where held-out rows are answered as well by the
average: the loss of the latest check must lie a tenth of a constant answer's above that of the weights themselves.
"""

from __future__ import annotations

import math
from statistics import fmean

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Parameter, Trace
from luban.protocols import Condition

SHARE = 0.95
STEPS, RECURRENT_STEPS = 100, 1_000
STILL_FIRST = 0.2
BEHIND = 0.1


def examine(trace: Trace) -> list[Finding]:
    return _lagging(trace) or _staying(trace)


def _lagging(trace: Trace) -> list[Finding]:
    """An average of the weights that stays where the training began."""
    decay = trace.told.settings.get("train.ema")
    if not decay or trace.told.steps is None:
        return []
    value = float(decay) ** trace.told.steps
    latest = trace.checks[-1] if trace.checks else None
    level = trace.constant_loss or next((loss for loss in trace.losses if math.isfinite(loss)), 0.0)
    told = ""
    if latest is not None and latest.plain is not None:
        if latest.loss <= latest.plain + BEHIND * level:
            return []
        told = f": held-out rows cost {latest.loss:.4g} with it and {latest.plain:.4g} without"
    if value <= STILL_FIRST:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("share of the first weights in the average at the end", value, STILL_FIRST, trace.told.steps),
        f"the average of the weights that answers in their place, with a decay of {decay:g}, will still hold "
        f"{value:.0%} of the first weights after all {trace.told.steps:,} steps (threshold {STILL_FIRST:.0%}){told}. "
        "Leave it out, or take a smaller decay.",
        step=trace.steps - 1,
        edits=_training.edits(
            trace,
            ("train.ema", 0.0, "the weights themselves answer"),
            ("train.ema", _reaching(trace.told.steps), "an average over the latest tenth of the steps"),
        ),
    )


def _reaching(steps: int) -> float:
    """The decay whose average is of about the latest tenth of so many steps.

    >>> _reaching(3_000)
    0.9967
    """
    return round(1 - 1 / max(steps / 10, 2), 4)


def _staying(trace: Trace) -> list[Finding]:
    if trace.constant_loss is None or trace.constant_loss <= 0:
        raise ValueError("the loss of a constant answer is not known: loss=... and the targets of each step tell it")
    steps = RECURRENT_STEPS if any(_recurrent(parameter) for parameter in trace.parameters) else STEPS
    if trace.steps < steps:
        raise ValueError(f"{steps:,} steps are needed, and there were {trace.steps:,}")
    losses = trace.finite_losses
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
            ("train.learning_rate", _training.rate(trace, 0.1), "a tenth of the step size"),
        ),
    )


def _recurrent(parameter: Parameter) -> bool:
    """Whether it leads from a step of a sequence to the next one, as torch names such weights."""
    return parameter.kind == "weight" and parameter.name.rpartition(".")[2].startswith("weight_hh")


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
