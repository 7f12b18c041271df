"""Gradients that vanish on their way to the first layers, so that these do not learn (Hochreiter, 1991).

Signal: the logarithm to base 10 of the root mean square of the first layer's gradient over that of the last one, the
median of the first five watched steps. Threshold: below -3 it is severe, below -2 a warning that names it; healthy
programs lay between -1.09 and 0.20, ten sigmoid layers at -9 (measured for luban's catalogue; AutoTrainer takes -3).
Silent where the first step, before which nothing has moved, does not show it; where an embedding before the first layer
gets a gradient, and for embeddings themselves, of whose rows a batch meets few; for layers that are meant to stay, or
that begin at zero, as a last layer may, which lets nothing through at first; and where a cause that makes gradients
zero was seen. Repair: weights by the rule for the activation function; another activation function; normalisation;
residual connections. Proven by effect.
"""

from __future__ import annotations

import math
from statistics import median

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

SEVERE = -3.0
WARNING = -2.0


def examine(trace: Trace) -> list[Finding]:
    steps = trace.first_steps(_training.BURST)
    if not trace.layers:
        raise ValueError("the order of the layers is not known")
    kinds = {parameter.layer: parameter for parameter in trace.parameters if parameter.kind == "weight"}
    own = {name for name, one in kinds.items() if one.learns and not one.frozen and not one.zero}
    learning = [name for name in trace.layers if name in own]
    if len(learning) < 3:
        raise ValueError("fewer than three layers learn: a gradient has no way to go")
    first, last = learning[0], learning[-1]
    # What lies before the first layer, an embedding say, shows that the gradient arrives: queries of an attention that
    # begins even get little of it themselves.
    front = trace.layers[: trace.layers.index(first) + 1]
    ratios = [
        _ratio(max(step.layers[name].gradient for name in front if name in step.layers), step.layers[last].gradient)
        for step in steps
        if first in step.layers
    ]
    if not ratios or last not in steps[0].layers:
        raise ValueError("the gradients of the first and the last layer were not seen")
    value = median(ratios)
    # Before the first step nothing has moved: what dies away only later, large steps have killed.
    if value >= WARNING or ratios[0] >= WARNING:
        return []
    return _training.found(
        condition.id,
        "severe" if value < SEVERE else "warning",
        Signal("log10 of the first layer's gradient over the last one's", max(value, -99.0), WARNING, len(ratios)),
        f"the gradient of the first layer '{first}' is 10^{max(value, -99.0):.1f} of that of the last one '{last}' "
        f"(threshold 10^{WARNING:g}): the first layers hardly learn. Take ReLU or GELU with weights by He's rule, "
        "normalise between layers, or add residual connections.",
        layer=first,
        step=steps[-1].step,
        edits=_training.edits(
            trace,
            ("model.activation", "relu", "its gradient does not shrink, and its weights are drawn by He's rule"),
            ("model.normalisation", "batch", "each layer's values keep their scale"),
        ),
    )


def _ratio(first: float, last: float) -> float:
    if last <= 0 or not (math.isfinite(first) and math.isfinite(last)):
        return 0.0
    return math.log10(first / last) if first > 0 else -99.0


condition = Condition(
    id="vanishing-gradient",
    group="optimisation",
    summary="gradients that vanish on their way to the first layers",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("vanishing-gradient"),
    code="torch.nn.ReLU() with torch.nn.init.kaiming_normal_, or torch.nn.BatchNorm1d behind each layer",
)
