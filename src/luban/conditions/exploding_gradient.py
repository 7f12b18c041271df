"""Activations that grow from layer to layer, or gradients that grow with the loss.

Signal: by how much the root mean square of what a layer gives out grows from one layer to the next, at the median of
the layers; or the median gradient norm of the latest watched steps over that of the first ones, while the loss rises.
Thresholds: 10 times a layer over at least three layers; 10 times with the smoothed loss 1.2 times its best, in two
windows on end, and by as much as counts (`_training.rise`): a network that leaves a plateau has steep gradients and is
well, and a recurrent one that falls back is soon where it was. The largest norm alone says nothing: healthy runs reach
394 times the median (measured for luban's catalogue). Silent where the loss falls, whatever the gradient does. Repair:
gradient clipping, smaller steps, weights by the rule. Proven by effect.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import LayerSignals, Trace, smoothed
from luban.protocols import Condition

GROWTH = 10.0
RISEN = 1.2


def examine(trace: Trace) -> list[Finding]:
    if not any(step.layers or math.isfinite(step.gradient) for step in trace.watched):
        raise ValueError("no step was watched, and no log tells the gradient's norm")
    return _growing_values(trace) or _growing_gradients(trace)


def _growing_values(trace: Trace) -> list[Finding]:
    layers = trace.watched[0].layers
    sizes = [_size(layers[name]) for name in trace.layers if name in layers]
    grown = [after / before for before, after in pairwise(sizes) if before > 0]
    if len(grown) < 2 or not all(map(math.isfinite, grown)) or median(grown) <= GROWTH:
        return []
    value = median(grown)
    return _training.found(
        condition.id,
        "severe",
        Signal("growth of the values from layer to layer", value, GROWTH, len(grown)),
        f"what the layers give out grows {value:,.3g} times from one to the next (threshold {GROWTH:g}), and so do "
        "their gradients. Draw the weights by He's or Glorot's rule, or normalise between layers.",
        step=0,
        edits=_training.edits(
            trace,
            ("model.normalisation", "batch", "each layer's values keep their scale"),
        ),
    )


def _growing_gradients(trace: Trace) -> list[Finding]:
    norms = [step.gradient for step in trace.watched if math.isfinite(step.gradient)]
    losses = trace.finite_losses
    means = smoothed(losses, max(len(losses) // 10, 1))
    if len(norms) < 12 or len(means) < 5 or min(means) <= 0:
        return []
    early, late = median(norms[: max(len(norms) // 10, 3)]), median(norms[-max(len(norms) // 10, 3) :])
    if early <= 0 or late <= GROWTH * early:
        return []
    latest = min(means[-2:])
    if latest <= RISEN * min(means) or latest - min(means) <= _training.rise(trace):
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("growth of the gradient's norm", late / early, GROWTH, len(norms)),
        f"the gradient's norm grew {late / early:,.3g} times since the start (threshold {GROWTH:g}), and the loss "
        f"rose to {latest / min(means):.2g} times its best. Clip the gradient, or take smaller steps.",
        step=trace.watched[-1].step,
        edits=_training.edits(
            trace,
            ("train.clip", 1.0, "no step is larger than usual"),
            ("train.learning_rate", _training.rate(trace, 0.3), "smaller steps"),
        ),
    )


def _size(signals: LayerSignals) -> float:
    return math.hypot(signals.mean or 0.0, signals.deviation or 0.0)


condition = Condition(
    id="exploding-gradient",
    group="optimisation",
    summary="activations or gradients that grow without bound",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("exploding-gradient"),
    code="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # before optimizer.step()",
)
