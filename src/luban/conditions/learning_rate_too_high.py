"""Steps so large that each one overwrites what was learned before.

Signals, of which one is enough: the largest share of themselves by which a layer's weights move in one of the first
five watched steps; the smoothed loss over the larger of the first loss and that of a constant answer; how much larger a
layer's weights became within the first thousand steps; and by how much the smoothed loss has risen above its best.
Thresholds: 1, where healthy programs stay below 0.14, with three times their rate below 0.51, and injected faults begin
at 3.5 (measured for luban's catalogue and its benchmark's tuning programs; SageMaker's 10 is too lax); 10; 5, or 2 with
a loss that is no better than a constant answer's; and half of the way from the best back to a constant answer's loss.

The last two are for rates that a warm-up brings in, under which weights grow as fast as the steps: by the end of it,
networks on tables of the tuning programs had grown 1.9 times at most with a rate by range test, and 5 to 30 times with
one that cost them their score. Growth alone is no fault: before a normalisation the scale of weights does not matter,
and sound networks with one grow 5 times too. It counts where the loss suffers: stays where it was before the middle of
the training, away from zero, or once stood half again above where it began. What was lost counts when it is lost for
two windows on end: a recurrent network that falls back is soon where it was. A small loss doubles often, and is as
small as before: what counts is what was lost of all that was learned.

Silent for biases, for embeddings, and for weights that begin at zero, whose share means nothing. Weights that begin
small are measured by what their number of inputs asks for; where they are added to what passes, as the vectors of
places are, they have no such number, and their growth says nothing. Repair: what the recipe sets far from what is
usual, since units that are mostly off make a loss as wild; a learning rate by a range test; clipping; a tenth of the
rate. Proven by effect.
"""

from __future__ import annotations

import math
from statistics import fmean

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Parameter, Trace, smoothed
from luban.protocols import Condition

LARGEST = 1.0
RISEN = 10.0
GROWN, GROWN_IN_VAIN = 5.0, 2.0
IN_VAIN = 0.95
"""Share of a constant answer's loss from which nothing was learned."""
SOME = 50
"""Steps from which on growth is judged."""
STAYING, NEAR_ZERO = 0.9, 0.1
"""A loss stays that is above this share of what it was, and above this share of a constant answer's."""
ABOVE = 1.5
"""The loss of something worse than nothing, over that of a constant answer or the first one."""
BEGINNING = 1_000
LOST, LEARNED = 0.5, 0.7
"""What was lost is a share of what was learned, where the loss was once below this share of a constant answer's."""
WINDOWS = 10
LASTING = 15
"""Losses of a window at least, of which two are lost on end: a recurrent network often needs one to come back."""


def examine(trace: Trace) -> list[Finding]:
    small = {parameter.layer for parameter in trace.parameters if parameter.zero and parameter.kind == "weight"}
    weights = {parameter.layer for parameter in trace.parameters if parameter.kind == "weight"} - small
    steps = trace.watched[: _training.BURST]
    moved = [(step.layers[name].ratio, name, step.step) for step in steps for name in weights if name in step.layers]
    moved = [one for one in moved if math.isfinite(one[0])]
    if not moved:
        risen = _risen(trace) or _lost(trace)
        if risen:
            return risen
        raise ValueError("no step was watched in which weights moved")
    value, layer, number = max(moved)
    if value > LARGEST:
        return _training.found(
            condition.id,
            "severe",
            Signal("largest move of a layer's weights over their size", value, LARGEST, len(moved)),
            f"step {number} moved the weights of the layer '{layer}' by {value:.2g} of their size (threshold "
            f"{LARGEST:g}): the learning rate of {steps[-1].rate:.3g} is too high, and what was learned before is "
            f"lost. {_CURE}",
            layer=layer,
            step=number,
            edits=_edits(trace),
        )
    return _risen(trace) or _grown(trace) or _lost(trace)


def _grown(trace: Trace) -> list[Finding]:
    """Weights that become larger and larger, since every step overshoots."""
    usual = {
        p.layer: 0.5 / math.sqrt(max(math.prod(p.shape[1:]), 1))
        for p in trace.parameters
        if p.kind == "weight" and not _added(p)
    }
    zero = {p.layer for p in trace.parameters if p.kind == "weight" and p.zero}
    first = {name: max(seen.weight, usual.get(name, 0.0)) for name, seen in trace.watched[0].layers.items()}
    grown = [
        (seen.weight / first[name], name, step)
        for step in trace.watched
        if step.step <= BEGINNING
        for name, seen in step.layers.items()
        if name in usual and name not in zero and first.get(name, 0.0) > 0 and math.isfinite(seen.weight)
    ]
    losses = trace.finite_losses
    if not grown or len(losses) < SOME:
        return []
    value, layer, step = max(grown, key=lambda one: one[0])
    tenth = len(losses) // WINDOWS
    before, latest = fmean(losses[4 * tenth : 5 * tenth]), fmean(losses[-tenth:])
    stays = latest >= STAYING * before and latest >= NEAR_ZERO * (trace.constant_loss or losses[0])
    worst = max(smoothed(losses, tenth))
    if not stays and worst <= ABOVE * max(losses[0], trace.constant_loss or 0.0):
        return []
    in_vain = trace.constant_loss is not None and latest > IN_VAIN * trace.constant_loss
    threshold = GROWN_IN_VAIN if in_vain else GROWN
    if value <= threshold:
        return []
    stayed = "stays there" if stays else f"was {worst:.3g} once"
    suffers = "is no better than a constant answer's" if in_vain else stayed
    return _training.found(
        condition.id,
        "severe",
        Signal("growth of a layer's weights", value, threshold, len(grown)),
        f"by step {step.step} the weights of the layer '{layer}' became {value:.2g} times as large (threshold "
        f"{threshold:g}), while the loss of {latest:.3g} {suffers}: steps at a learning rate of {step.rate:.3g} "
        f"overshoot what they aim at. {_CURE}",
        layer=layer,
        step=step.step,
        edits=_edits(trace),
    )


def _added(parameter: Parameter) -> bool:
    """Whether a weight is one for all rows, as the vectors of places are: (1, places, width)."""
    return len(parameter.shape) > 2 and parameter.shape[0] == 1


def _lost(trace: Trace) -> list[Finding]:
    """A loss that was good once, and is lost again on the very rows that are learned from."""
    losses = trace.finite_losses
    level = trace.constant_loss or (losses[0] if losses else 0.0)
    means = smoothed(losses, max(len(losses) // WINDOWS, LASTING))
    if len(means) < 3 or min(means) <= 0 or level <= 0:
        return []
    best, latest = min(means), min(means[-2:])
    if best > LEARNED * level or latest - best <= LOST * (level - best):
        return []
    lost = (latest - best) / (level - best)
    return _training.found(
        condition.id,
        "severe",
        Signal("share that was lost of what was learned", lost, LOST, len(losses)),
        f"the smoothed loss was {best:.4g} around step {trace.number(means.index(best) * len(losses) // len(means))} "
        f"and is {latest:.4g} again: {lost:.0%} of the way back to {level:.4g}, where nothing is known (threshold "
        f"{LOST:.0%}): the steps became too large for what was learned. {_CURE}",
        step=trace.number(len(losses) - 1),
        edits=_edits(trace),
    )


def _risen(trace: Trace) -> list[Finding]:
    losses = trace.finite_losses
    if len(losses) < 5:
        return []
    level = max(losses[0], trace.constant_loss or 0.0)
    beside = "the first loss" if level == losses[0] else "that of a constant answer"
    # No mean is larger than the largest loss.
    if level <= 0 or max(losses) <= RISEN * level:
        return []
    means = smoothed(losses, 5)
    worst = max(means)
    if worst <= RISEN * level:
        return []
    rate = f" of {trace.watched[-1].rate:.3g}" if trace.watched and math.isfinite(trace.watched[-1].rate) else ""
    return _training.found(
        condition.id,
        "severe",
        Signal("loss over the larger of the first loss and a constant answer's", worst / level, RISEN, len(losses)),
        f"the loss rose to {worst:.4g}, {worst / level:,.3g} times {beside} (threshold {RISEN:g}): "
        f"the learning rate{rate} is too high. {_CURE}",
        step=trace.number(5 * means.index(worst)),
        edits=_edits(trace),
    )


_CURE = "Find one by a range test, or take a tenth; warm up, or clip the gradient."


def _edits(trace: Trace) -> tuple:  # type: ignore[type-arg]
    return _training.edits(
        trace,
        *_training.holding_back(trace),
        ("train.learning_rate", "auto", "a range test finds the step size"),
        ("train.clip", 1.0, "no step is larger than usual"),
        ("train.learning_rate", _training.rate(trace, 0.1), "a tenth of the step size"),
    )


condition = Condition(
    id="learning-rate-too-high",
    group="optimisation",
    summary="steps that overwrite what was learned",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("learning-rate-too-high"),
    code="for group in optimizer.param_groups: group['lr'] /= 10  # and begin again",
)
