"""What the training of a network is asked for, beside its rows and its network; and nothing of how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luban.evidence.trace import Trace
from luban.recipe.recipe import Train
from luban.training.distributed import ALONE, Team
from luban.training.pausing import Pause

Tell = Callable[[Mapping[str, Any]], None]
"""`tell(line)`: a line for the history of the run."""


def _untold(line: Mapping[str, Any]) -> None:
    """Tells nobody."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Asked:
    """What a training is asked for, beside its rows and its network.

    train: the recipe's part, in which nothing is left open (`deciding.decide`).
    folder: where checkpoints go and are found again; None keeps nothing. until: when the time is over, on the clock of
    `time.monotonic`. interrupted: asked after each step; when true it checkpoints and stops.
    team: the processes that train together. trace: an empty one, which tells afterwards what was seen, also where it
    raises. pause: when it stops at a mark, where it is looked at; at the first with its weights as they are there,
    later with the best so far. The same training with another pause, or without, goes on from there. What it was at
    each mark that it passed stays beside its checkpoints. recipe: what an edit can change, by path, for the trace.
    by_time: whether the number of steps is a guess that the time is to correct on the way (`planning`).
    """

    train: Train
    seed: int
    folder: Path | None = None
    until: float | None = None
    tell: Tell = _untold
    interrupted: Callable[[], bool] = _never
    team: Team = ALONE
    trace: Trace = field(default_factory=Trace)
    pause: Pause | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    by_time: bool = False

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.monotonic() > self.until
