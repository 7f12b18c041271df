"""How long a training lasts: its epochs, its steps where time is short, and its seconds as they are foretold."""

from __future__ import annotations

import math

import numpy as np

from luban.recipe.recipe import Train
from luban.training import gathering

STEPS = 3_000
"""Steps that a training aims at where no time was asked for."""
FEWEST_EPOCHS, MOST_EPOCHS = 10, 150
LONGER = 4
"""How many times as many epochs as usual there are, at most, where there is time."""
USED = 0.85
"""Share of the time that epochs are planned for; the rest is for looking at the held-out rows and writing."""


def epochs(
    steps: int,
    step_seconds: float,
    left: float | None,
    usual: tuple[int, str] | None = None,
    *,
    cut_short: bool = False,
    longer: int = LONGER,
) -> tuple[int, str]:
    """How many epochs, and why. steps: of an epoch. left: wall seconds, or None without a limit.

    usual: how many, and why, where the architecture says it. longer: how many times as many there may be, where there
    is time; 1 for weights that were learned before, which would forget what they know.
    cut_short: whether the last one may be ended by the time. Then half an epoch or more is begun: at three quarters of
    the steps a falling rate is a seventh of what it was, and one epoch where there is time for nearly two wastes half.
    """
    wanted = int(np.clip(math.ceil(STEPS / max(steps, 1)), FEWEST_EPOCHS, MOST_EPOCHS))
    reason = f"about {STEPS:,} steps, in {FEWEST_EPOCHS} to {MOST_EPOCHS} epochs of {steps:,}"
    wanted, reason = usual or (wanted, reason)
    if left is None:
        return wanted, reason
    passes = USED * left / max(steps * step_seconds, 1e-9)
    affordable = max(int(passes + 0.5 if cut_short else passes), 1)
    # A limit is there to be used: more epochs than usual help where there is time.
    most = longer * wanted
    if affordable < most:
        return (
            affordable,
            f"what {left:.0f} s allow, at {step_seconds * 1e3:.2g} ms a step and {steps:,} steps an epoch",
        )
    if longer == 1:
        return wanted, reason
    return most, f"{longer} times as many as usual ({reason}), since there is time"


def seconds(train: Train, rows: gathering.Rows, parts: int, each: float, limit: float | None) -> float | None:
    """The wall seconds of a training; None where none of its steps was measured. parts: of an epoch, that take so much
    each. limit: what it may take.
    """
    if not each:
        return limit
    assert isinstance(train.epochs, int), "the number of epochs is decided"
    count = train.steps * train.accumulate if train.steps is not None else train.epochs * parts
    # A recipe that a run with less time recorded ends before it is planned to end.
    if train.until_epoch is not None:
        count = min(count, train.until_epoch * parts)
    if train.until_step is not None:
        count = min(count, train.until_step * train.accumulate)
    # Rows that say when to stop are passed forwards only, which is a third of a step.
    looking = 1 + len(rows.stopping) / max(3 * len(rows.train), 1)
    found = count * each * looking
    return round(found if limit is None else min(found, limit), 1)
