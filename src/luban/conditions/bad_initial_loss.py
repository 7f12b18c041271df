"""A first loss far from that of the best constant answer: the network starts out sure, and wrong (Karpathy, 2019).

Signal: the smallest loss of the first three steps, since one batch may hold odd rows, over the loss of the best
constant answer to the targets that were seen. Threshold: outside of 0.5 to 3; healthy programs began between 0.86 and
1.10, and weights that were 15 times too large at 298 and more (measured for luban's catalogue). Silent where the loss
function or the targets are not known, where the best constant answer has a loss near zero, and below 0.5 for a network
that brought weights that were trained before, which is no fault: only the upper end is severe. Repair: draw the weights
again by He's or Glorot's rule; scale the inputs; take away a penalty that outweighs the loss; normalise.
Proven structurally.
"""

from __future__ import annotations

import math

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

HIGHEST = 3.0
FIRST = 3
"""Steps of which the smallest loss counts."""
SMALLEST = 1e-6
"""Loss of a constant answer below which the ratio says nothing."""


def examine(trace: Trace) -> list[Finding]:
    if trace.constant_loss is None:
        raise ValueError("the loss of a constant answer is not known: loss=... and the targets of each step tell it")
    if not trace.losses or not all(map(math.isfinite, trace.losses[:FIRST])):
        raise ValueError("there is no first loss")
    if trace.constant_loss < SMALLEST:
        raise ValueError("the targets that were seen are all equal")
    first = min(trace.losses[:FIRST])
    ratio = first / trace.constant_loss
    if ratio <= HIGHEST:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("first loss over that of a constant answer", ratio, HIGHEST, len(trace.losses[:FIRST])),
        f"the first loss is {first:.4g}, {ratio:,.3g} times that of the best constant answer, "
        f"{trace.constant_loss:.4g} (threshold {HIGHEST:g}): the weights begin too large, and much of the training "
        "goes into making them small. Draw them by He's or Glorot's rule, the last layer small.",
        step=0,
        edits=_training.edits(
            trace,
            *_training.holding_back(trace),
            ("model.normalisation", "batch", "whatever the weights, values keep their scale"),
        ),
    )


condition = Condition(
    id="bad-initial-loss",
    group="optimisation",
    summary="a first loss far above that of a constant answer",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("bad-initial-loss"),
    code="torch.nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')  # and the last layer * 0.1",
)
