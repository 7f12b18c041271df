"""Steps so large that each one writes over what was learned before.

Signal: the largest share of themselves by which a layer's weights move in one of the first five watched steps; or the
smoothed loss over the larger of the first loss and that of a constant answer. Thresholds: 1, where healthy programs
stay below 0.14, with three times their rate below 0.51, and injected faults begin at 3.5 (measured for luban's
catalogue and its benchmark's tuning programs; SageMaker's 10 is too lax); and 10.
Silent for biases, for embeddings, and for weights that begin at zero, whose share means nothing. Repair: a learning
rate by a range test; warm-up; clipping. Proven by effect.
"""

from __future__ import annotations

import math

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace, smoothed
from luban.protocols import Condition

LARGEST = 1.0
RISEN = 10.0


def examine(trace: Trace) -> list[Finding]:
    small = {parameter.layer for parameter in trace.parameters if parameter.zero and parameter.kind == "weight"}
    weights = {parameter.layer for parameter in trace.parameters if parameter.kind == "weight"} - small
    steps = trace.watched[: _training.BURST]
    moved = [(step.layers[name].ratio, name, step.step) for step in steps for name in weights if name in step.layers]
    moved = [one for one in moved if math.isfinite(one[0])]
    if not moved:
        risen = _risen(trace)
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
    return _risen(trace)


def _risen(trace: Trace) -> list[Finding]:
    losses = [loss for loss in trace.losses if math.isfinite(loss)]
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
        ("train.learning_rate", "auto", "a range test finds the step size"),
        ("train.clip", 1.0, "no step is larger than usual"),
    )


condition = Condition(
    id="learning-rate-too-high",
    group="optimisation",
    summary="steps that write over what was learned",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("learning-rate-too-high"),
    code="for group in optimizer.param_groups: group['lr'] /= 10  # and begin again",
)
