"""The learning rate by a range test: it rises from step to step, on a copy, until the loss explodes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from luban.recipe.recipe import Train
from luban.training import allocating, gathering, keeping
from luban.training.gathering import Part
from luban.training.loss import Loss, mean
from luban.training.optimizing import optimizer

if TYPE_CHECKING:
    from torch import nn

TESTED = 60
"""Steps of the range test."""
LOWEST_RATE, HIGHEST_RATE = 1e-6, 1.0
LEAST_RATE = 1e-5
MOST_RATE, MOST_RATE_OF_SGD = 0.01, 1.0
"""What the range test may answer at most: steps of adaptive methods are as long as the rate, whatever the gradient."""
USUAL_RATE, USUAL_RATE_OF_SGD = 1e-3, 1e-2
"""Of Adam (Kingma and Ba, 2015), and ten times as much."""
BELOW, BELOW_OF_SGD = 30, 10
"""How many times smaller than the rate of the least loss the chosen one is. By trial on three tables: a third of what
suits momentum, a tenth, ended with less loss under an adaptive method on each of them."""
WORSE = 4.0
"""The range test ends where the smoothed loss is so many times its best."""


@dataclass(frozen=True)
class Tested:
    """The range test: the rate, and the wall seconds of a step."""

    rate: float
    reason: str
    seconds: float


def learning_rate(
    module: nn.Module,
    parts: list[Part],
    train: Train,
    loss: Loss,
    steps: int = TESTED,
    *,
    ceiling: float = math.inf,
) -> Tested:
    """The learning rate by a range test (Smith, 2017): it rises from step to step until the loss explodes.

    A fixed share of the rate at which the smoothed loss was least. Batches differ by more than a step changes, so the
    loss of each is compared with its own at the first rates, which change nothing yet. Where it never fell, the usual
    rate. ceiling: what a constant answer loses; to fall down to it is nothing learned. The module is copied and stays
    as it is.
    """
    rise = _risen(module, parts, train, loss, steps, ceiling)
    # What else the machine does makes some steps slow; the limit of time is kept whatever they take.
    seconds = sorted(rise.times)[len(rise.times) // 4]
    of_sgd = train.optimizer.lower() == "sgd"
    if not rise.best:
        below = " below what a constant answer loses" if rise.fell else ""
        why = f"the usual one: in a range test of {len(rise.times)} steps the loss never fell{below}"
        return Tested(USUAL_RATE_OF_SGD if of_sgd else USUAL_RATE, why, seconds)
    share, most = (BELOW_OF_SGD, MOST_RATE_OF_SGD) if of_sgd else (BELOW, MOST_RATE)
    chosen = float(np.clip(rise.best / share, LEAST_RATE, most))
    # Two digits: a rate that was measured to more would pretend.
    chosen = float(f"{chosen:.2g}")
    told = f"1/{share} of {rise.best:.1e}" if chosen < most else f"the most, below 1/{share} of {rise.best:.1e}"
    reason = f"{told}, where the loss was least in a range test of {len(rise.times)} steps"
    return Tested(chosen, reason, seconds)


@dataclass(frozen=True)
class _Rise:
    """How the loss went while the rate rose. best: the rate at which the smoothed loss was least; 0 where it never fell
    below the ceiling. fell: whether it fell at all. times: wall seconds of each step.
    """

    best: float
    fell: bool
    times: list[float]


def _risen(module: nn.Module, parts: list[Part], train: Train, loss: Loss, steps: int, ceiling: float) -> _Rise:
    """Trains a copy of the module by rising rates, until the loss explodes or the steps are over."""
    import torch

    trial = gathering.prepared(keeping.copied(module), train.model_copy(update={"compile": False})).train()
    optimiser = optimizer(trial, train, LOWEST_RATE)
    growth = (HIGHEST_RATE / LOWEST_RATE) ** (1 / (TESTED - 1))
    rate, best, change, least = LOWEST_RATE, 0.0, 0.0, 0.0
    firsts: list[float] = []
    times: list[float] = []
    with allocating.kept(often=2) as stepped:
        for step in range(steps):
            started = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = rate
            value = mean(loss, trial, parts[step % len(parts)])
            value.backward()
            if train.clip is not None:
                torch.nn.utils.clip_grad_norm_(trial.parameters(), train.clip)
            optimiser.step()
            optimiser.zero_grad()
            seen = value.item()
            times.append(time.perf_counter() - started)
            if step < len(parts):
                firsts.append(seen)
            change = 0.9 * change + 0.1 * (seen - firsts[step % len(parts)])
            start = sum(firsts) / len(firsts)
            if not math.isfinite(seen) or start + change > WORSE * (start + least):
                break
            if change < least:
                least = change
                best = rate if start + change < ceiling else best
            rate *= growth
            stepped(step)
    return _Rise(best, least < 0, times)
