"""A resumed training that sees the same batches again: some rows count twice, others not at all.

Signal, exact: how many of the first batches after resuming have the content of the first batches of the run before, one
after the other. Threshold: 3. Silent for a training that begins afresh, whose optimiser has no state yet, and where no
file tells of the run before. Repair: restore the sampler and its place with the weights, or draw a new order. Proven
structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

BATCHES = 3


def examine(trace: Trace) -> list[Finding]:
    if trace.repeated is None:
        raise ValueError("no run before this one is known: out=... remembers it")
    if trace.repeated < BATCHES:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("batches that came again", float(trace.repeated), float(BATCHES), trace.steps),
        f"the first {trace.repeated} batches after resuming are those that the run before began with (threshold "
        f"{BATCHES}): the order starts anew. Restore the sampler and its place, or seed it by the epoch.",
        step=trace.repeated - 1,
    )


condition = Condition(
    id="repeated-data-order",
    group="optimisation",
    summary="a resumed training that sees the same batches again",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    code="sampler.set_epoch(epoch); generator.set_state(checkpoint['sampler'])",
)
