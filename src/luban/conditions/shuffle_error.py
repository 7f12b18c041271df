"""Rows that are not shuffled: each batch holds only a few classes, and the network forgets the others meanwhile.

Signal: how far the targets differ between the first ten batches, against shuffles of the same rows (a permutation test
of up to 2,000; classes by their counts, values by their means). Threshold: p < 0.001. Silent for fewer than three
batches, for targets that are sequences, and where no targets are told. Repair: shuffle the rows before each epoch.
Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

LEVEL = 1e-3
"""That none of 2,000 shuffles was as uneven, which sound programs meet once in as many runs, has 1/2001."""
BATCHES = 10


def examine(trace: Trace) -> list[Finding]:
    if trace.mixing is None or trace.steps < BATCHES:
        raise ValueError(f"the targets of {BATCHES} batches are needed")
    if trace.mixing > LEVEL:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("probability of batches as uneven as these", trace.mixing, LEVEL, BATCHES),
        f"the first {BATCHES} batches differ more in their targets than shuffled rows do (p = {trace.mixing:.2g}, "
        f"threshold {LEVEL:g}): the rows come sorted, and each step unlearns what the one before it taught. "
        "Shuffle them before each epoch.",
        step=BATCHES - 1,
    )


condition = Condition(
    id="shuffle-error",
    group="optimisation",
    summary="rows that come sorted by their target",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("shuffle-error"),
    code="torch.utils.data.DataLoader(dataset, shuffle=True)",
)
