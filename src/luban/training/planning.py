"""How many steps a training has where its time decides that, so that the rate has fallen to its end when time is over.

Before the first step the number is a guess, from a few steps that were measured. On the way, before the rate depends on
it, it is planned once more from the time that steps took, and then it stands: a training that was killed goes on with
it, and the recipe holds it, so that fitting again does the same without looking at a clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, final

from luban.recipe.recipe import Train
from luban.training.optimizing import at, settled
from luban.training.progress import Progress

AIM = 0.97
"""Share of the time that is left which steps are planned for: a machine may become slower."""
FEWEST = 20
"""Steps from which it is known how long they take."""

Tell = Callable[[Mapping[str, Any]], None]


@final
class Planning:
    """steps: of all epochs, where the recipe says none. until: when the time is over, on the clock of `time.monotonic`;
    None where nothing is planned by time. progress: from where this process goes on. tell: a line for the history.
    """

    def __init__(self, train: Train, steps: int, until: float | None, progress: Progress, tell: Tell) -> None:
        self._train, self._whole, self._until, self._tell = train, steps, until, tell
        self._began, self._first = time.monotonic(), progress.step

    @property
    def counted(self) -> bool:
        """Whether the training ends after so many steps, and not after so many epochs."""
        return self._train.steps is not None

    def steps(self, progress: Progress) -> int:
        """How many there are in all, as it is known at this step; plans them anew where this is the moment."""
        planned = progress.planned or at(self._train, progress.step).steps or self._whole
        if self._until is None or progress.planned or progress.step - self._first < FEWEST:
            return planned
        seconds = (time.monotonic() - self._began) / (progress.step - self._first)
        left = max(self._until - time.monotonic(), 0.0)
        total = progress.step + int(AIM * left / seconds)
        if progress.step < settled(self._train.schedule) * total:
            return planned
        progress.planned, progress.planned_at = max(total, progress.step + 1), progress.step
        reason = f"{left:.0f} s were left, at {seconds * 1e3:.3g} ms a step; {planned:,} were planned before"
        self._tell({"planned": progress.planned, "at": progress.step, "reason": reason})
        return progress.planned
