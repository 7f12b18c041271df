"""A first loss far from that of the best constant answer: the network starts out sure, and wrong (Karpathy, 2019).

Signal: the smallest loss of the first ten steps over the loss of the best constant answer to the targets seen so far.
Threshold: 3; healthy programs began between 0.86 and 1.10, and weights that were 15 times too large at 298 and more
(measured for luban's catalogue). Above 10 the first step says enough. Between them all ten are waited for: one batch
may hold odd rows, and a new last layer upon weights that were trained before begins as far away and is soon back: at
3.9 and, by the tenth step, at 2.1 among tuning programs. Silent where the loss function or the targets are not known,
and where the best constant answer has a loss near zero. Repair: draw the weights
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
FIRST = 10
"""Steps of which the smallest loss counts."""
SURE = 10.0
"""The ratio from which on the first step is enough."""
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
    if ratio <= SURE and len(trace.losses) < FIRST:
        raise ValueError(f"losses of {FIRST} steps are needed, and there were {len(trace.losses)}")
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
