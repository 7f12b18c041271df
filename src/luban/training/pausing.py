"""Where a training pauses to be looked at: at its marks, each time or where a fault is seen. What is done then is in
`treating`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luban.evidence.looking import look
from luban.evidence.trace import Trace
from luban.training.signals import BURST, TIMED

SHARE = 0.2
"""Share of the planned steps from one mark to the next."""
SOONEST = 150
"""Steps before which there is too little to see: some conditions need 100."""
EXAMPLES = 200
"""Examples that are seen before a mark: from so many on it is known of a unit that it is dead."""


def marks(steps: int) -> tuple[int, ...]:
    """After how many of the planned steps a training is looked at, but for its end.

    >>> marks(3_000), marks(500), marks(60)
    ((600, 1200, 1800, 2400), (150, 200, 300, 400), ())
    """
    first = max(math.ceil(SHARE * steps), SOONEST)
    later = (math.ceil(SHARE * steps * number) for number in range(2, round(1 / SHARE)))
    return tuple(sorted({first, *(mark for mark in later if mark > first)} - {steps})) if first < steps else ()


def wanted(step: int) -> bool:
    """Whether the trace holds what a step showed: the first ones, then ever fewer.

    >>> [step for step in range(500) if wanted(step)]
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 25, 50, 100, 200, 400]
    """
    if step < BURST:
        return True
    times, rest = divmod(step, TIMED)
    return rest == 0 and times > 0 and times & (times - 1) == 0


def watched(steps: int, rows: int) -> dict[int, bool]:
    """The steps that are watched for what is seen at the marks and at the end, and whether the trace holds them: the
    last before each, and at the first mark the last that it holds anyway. rows: of a step.

    They lie apart, since a unit that no row wakes for a moment is not dead.

    >>> {step: held for step, held in watched(1_000, 64).items() if step < 400}
    {85: False, 90: False, 95: False, 100: True, 357: False, 371: False, 385: False, 399: True}
    """
    count, found, before = min(math.ceil(EXAMPLES / rows), BURST), dict[int, bool](), 0
    first, *later = *marks(steps), steps
    shown = max(step for step in range(first) if wanted(step))
    for point in (shown, *(mark - 1 for mark in later)):
        apart = max((point - before) // (2 * BURST), 1)
        found |= {point - apart * place: not place for place in reversed(range(count))}
        before = point
    return found


def faults(trace: Trace) -> frozenset[str]:
    """The conditions that see something severe."""
    return frozenset(each.condition for each in look(trace)[0] if each.severity == "severe")


@dataclass(frozen=True)
class Pause:
    """When a training pauses.

    mark: the number of the mark at which it does, 1 for the first, whatever is seen; None: at any behind the first
    where something severe is seen. known: conditions that no longer make it pause.
    """

    mark: int | None = None
    known: tuple[str, ...] = ()

    def here(self, number: int, trace: Trace) -> bool:
        """Whether it pauses at the mark of this number."""
        if self.mark is not None:
            return number == self.mark
        return number > 1 and not faults(trace) <= set(self.known)

    def to_json(self) -> dict[str, Any]:
        return {"mark": self.mark, "known": list(self.known)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | None) -> Pause | None:
        return None if document is None else cls(document["mark"], tuple(document["known"]))
