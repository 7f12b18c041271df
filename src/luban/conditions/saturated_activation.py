"""Hidden tanh or sigmoid units that begin saturated, where their gradient is almost zero (Glorot and Bengio, 2010).

Signal: the share of a hidden layer's values within 0.05 of an end (of a range scaled to -1..1) in the first watched
step, before anything moved. Threshold 0.6; the share of healthy programs reaches 0.37 at the start, and 0.54 at the
end of a healthy training, which is why later steps are not judged; faults begin at 0.64 (measured for luban's
catalogue, and on the tuning programs of its benchmark). Silent for the
activation that gives out the answers, and for gates, which lie within one operation and are not seen. Repair: smaller
weights by Glorot's rule, scaled inputs, normalisation, or ReLU and GELU. Proven by effect.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

SHARE = 0.6


def examine(trace: Trace) -> list[Finding]:
    if not trace.watched or not trace.watched[0].layers:
        raise ValueError("no step was watched")
    sites = {
        name: seen
        for name, seen in trace.watched[0].activations.items()
        if seen.function in ("tanh", "sigmoid") and not seen.final
    }
    if not sites:
        raise ValueError("no tanh and no sigmoid was seen within the network")
    worst = max(sites, key=lambda name: sites[name].saturated)
    share = sites[worst].saturated
    if share <= SHARE:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("share of values at an end of their range", share, SHARE, sites[worst].examples),
        f"{share:.0%} of what the {sites[worst].function} behind the layer '{worst}' gives out lies at an end of its "
        f"range before the first step (threshold {SHARE:.0%}), where its gradient is next to nothing. Draw smaller "
        "weights by Glorot's rule, scale the inputs, normalise, or take ReLU or GELU.",
        layer=worst,
        step=trace.watched[0].step,
        edits=_training.edits(
            trace,
            ("model.activation", "relu", "it has no ends"),
            ("model.normalisation", "batch", "values keep to the middle"),
        ),
    )


condition = Condition(
    id="saturated-activation",
    group="optimisation",
    summary="tanh or sigmoid units that begin saturated",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("saturated-activation"),
    code="torch.nn.init.xavier_normal_(layer.weight), or torch.nn.ReLU() instead",
)
