"""Weight decay that was asked for and reaches no weight.

Signal, exact: the optimiser was made with weight decay, and none of its groups that hold weights has any. Threshold:
every group. Silent where no decay was asked for, or only what the optimiser takes by itself, and where a group with
weights has it: biases and normalisation without are usual. Repair: give the decay to the group of the weights. Proven
structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    if not trace.parameters:
        raise ValueError("the parameters are not known")
    if trace.decay <= 0:
        raise ValueError("the optimiser was made without weight decay")
    weights = [one for one in trace.parameters if one.kind in ("weight", "embedding") and one.optimised and one.learns]
    if not weights:
        raise ValueError("the optimiser holds no weights")
    decayed = [one for one in weights if one.decay > 0]
    if decayed:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("weights that decay", 0.0, 1.0, len(weights)),
        f"the optimiser was made with a weight decay of {trace.decay:g}, and none of its {len(weights)} weights has "
        "any (threshold: one). Their groups set it to 0. Give it to the group of the weights.",
        step=0,
    )


condition = Condition(
    id="weight-decay-ineffective",
    group="optimisation",
    summary="weight decay that reaches no weight",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    code="torch.optim.AdamW([{'params': weights, 'weight_decay': 0.01}, {'params': biases, 'weight_decay': 0}])",
)
