"""The answer to a row depends on the other rows of its batch: an axis is mixed up (Karpathy, 2019).

Signal: in evaluation mode, how far the answer to the first row moves when only the other rows change, over how far it
moves when it changes itself. Threshold: 0.01; a sound network has 0, as nothing of another row reaches an answer.
Silent where the network does not take one tensor, or gives no answer for each row; batch normalisation, which mixes
rows in training, is in evaluation here. Repair: put the axes right. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

SHARE = 0.01


def examine(trace: Trace) -> list[Finding]:
    if trace.dependence is None:
        raise ValueError("the network was not asked about changed rows: the inputs of each step tell it")
    if trace.dependence <= SHARE:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("move of an answer by other rows over that by its own", trace.dependence, SHARE, 8),
        f"the answer to a row moves {trace.dependence:.2g} times as far when only other rows of its batch change as "
        f"when it changes itself (threshold {SHARE:g}): the network mixes rows. Look for a view, reshape or softmax "
        "on the axis of rows, or attention without batch_first=True.",
        step=0,
    )


condition = Condition(
    id="batch-dependence",
    group="optimisation",
    summary="an output that depends on the other rows of the batch",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("batch-dependence"),
    code="x.transpose(1, 2) instead of x.view(...); softmax(dim=-1); batch_first=True",
)
