"""Processes that train together and have drifted apart: their weights must be equal, and are not.

Signal, exact: the largest difference between the sums of the parameters, and of their squares, of the processes, over
the norm of the weights; looked at after steps 5, 25 and 100. Threshold: 1e-5. Silent for one process, and for weights
that are shared out among the processes. Repair: wrap the network in DistributedDataParallel, and let all processes
begin from one seed. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

DIFFERENCE = 1e-5


def examine(trace: Trace) -> list[Finding]:
    if trace.replicas is None:
        raise ValueError(
            "the weights of several processes were not compared: one trains, or fewer than 5 steps were made"
        )
    if trace.replicas <= DIFFERENCE:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("difference between the processes' weights", trace.replicas, DIFFERENCE, len(trace.parameters)),
        f"the weights of the processes differ by {trace.replicas:.2g} of their size (threshold {DIFFERENCE:g}): each "
        "trains a network of its own. Average their gradients, and begin from the same weights.",
        step=trace.steps - 1,
    )


condition = Condition(
    id="replica-drift",
    group="optimisation",
    summary="processes whose weights drift apart",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    code="model = torch.nn.parallel.DistributedDataParallel(model)",
)
