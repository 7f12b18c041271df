"""Units of a hidden layer that begin equal: they get equal gradients, and stay equal for good.

Signal: how far the weights differ across the units of a hidden layer as the training begins: their standard deviation
over the mean absolute weight. Threshold 0.3; healthy programs begin at 1.13 or more, equal weights at 0 (measured for
luban's catalogue). Silent for the last layer, which may begin at zero; for layers of a single unit; and for weights of
zero through which a gradient still finds a way, as in residual branches that begin closed. Repair: draw them by the
rule for the activation function. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Parameter, Trace
from luban.protocols import Condition

LEAST = 0.3


def examine(trace: Trace) -> list[Finding]:
    hidden = set(trace.hidden())
    if not hidden:
        raise ValueError("the order of the layers is not known yet, or there is only one")
    equal = [
        parameter
        for parameter in trace.parameters
        if parameter.layer in hidden and parameter.spread is not None and parameter.spread < LEAST
        and not _beside(trace, parameter) and not (parameter.zero and _passed(trace, parameter))
    ]  # fmt: skip
    if not equal:
        return []
    first = equal[0]
    assert first.spread is not None
    more = f", and so do those of {len(equal) - 1} more layers" if len(equal) > 1 else ""
    return _training.found(
        condition.id,
        "severe",
        Signal("difference between the units of a layer", first.spread, LEAST, first.shape[0]),
        f"the {first.shape[0]} units of the layer '{first.layer}' begin with weights that hardly differ "
        f"({first.spread:.2g} of their size, threshold {LEAST:g}){more}. Equal units learn the same and stay equal. "
        "Draw the weights at random.",
        layer=first.layer,
        step=0,
    )


def _beside(trace: Trace, parameter: Parameter) -> bool:
    """Whether the layer has other weights by which its units differ: an adapter begins with zeros beside them."""
    return any(
        other.layer == parameter.layer and other.spread is not None and other.spread >= LEAST
        for other in trace.parameters
    )  # fmt: skip


def _passed(trace: Trace, parameter: Parameter) -> bool:
    """Whether layers before it got a gradient all the same, or it moved: zero weights are then not in the way."""
    before = trace.layers[: trace.layers.index(parameter.layer)]
    if not trace.watched:
        return True
    signals = trace.watched[0].layers
    return any(name in signals and signals[name].gradient > 0 for name in before)


condition = Condition(
    id="constant-or-symmetric-init",
    group="optimisation",
    summary="units of a hidden layer that begin equal",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("constant-or-symmetric-init"),
    code="torch.nn.init.kaiming_normal_(layer.weight)  # instead of a constant",
)
