"""How a step is calculated: on which device, on how many threads, in which precision. Measured in turns on a copy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from luban.training import allocating, keeping, signals
from luban.training.gathering import Part
from luban.training.loss import Loss, mean

if TYPE_CHECKING:
    from torch import nn

TURNS = 8
"""Batches that threads are measured on."""
FASTER = 1.1
"""How many times as fast bfloat16, or several threads, must be."""
AGREES = 0.02
"""How far its loss may lie from that of float32, relative to it."""
SLOW_STEP = 0.005
"""CPU seconds of a step from which it is worth measuring whether bfloat16 is faster."""


def device(asked: str) -> tuple[str, str]:
    """Where to train, and why. Raises UsageError for a GPU that is not there."""
    import torch

    from luban.core.errors import UsageError

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        found = next(name for name, is_there in there.items() if is_there)
        return found, "a GPU is there" if found != "cpu" else "no GPU is there"
    if not there[asked]:
        raise UsageError(
            f"no {asked} device is there.", where="train.device", fix="--set train.device=auto trains on what there is"
        )
    return asked, "as asked"


def threads(module: nn.Module, parts: list[Part], loss: Loss) -> tuple[int, str]:
    """On how many threads a step is calculated, and why: all that are allowed, or one, measured in turns on a copy."""
    import torch

    allowed = torch.get_num_threads()
    if allowed == 1:
        return 1, "one is allowed"
    trial = keeping.copied(module).train()
    times: dict[int, list[float]] = {1: [], allowed: []}
    for turn in range(TURNS):
        for count in times:
            torch.set_num_threads(count)
            started = time.perf_counter()
            mean(loss, trial, parts[turn % len(parts)]).backward()
            times[count].append(time.perf_counter() - started)
    # The first of each warms up. Medians: now and then something else runs as well.
    one, all_ = (sorted(seconds[1:])[len(seconds) // 2] for seconds in times.values())
    if one >= FASTER * all_:
        return allowed, f"{one / all_:.1f} times as fast as one"
    return 1, f"{allowed} are {one / all_:.2f} times as fast as one here"


def precision(module: nn.Module, parts: list[Part], loss: Loss, seconds: float, device: str) -> tuple[str, float, str]:
    """float32 or bfloat16, how many times as fast as float32 it is, and why: measured in turns on a copy.

    seconds: of a step in float32.
    """
    import torch

    if seconds < SLOW_STEP and device == "cpu":
        return "float32", 1.0, f"a step takes {seconds * 1e3:.1f} ms, too little for bfloat16 to pay"
    trial = keeping.copied(module).eval()
    times: dict[bool, list[float]] = {False: [], True: []}
    losses: dict[bool, list[float]] = {False: [], True: []}
    with allocating.kept(often=1) as stepped:
        for turn in range(4):
            for lower in (False, True):
                started = signals.now()
                with torch.autocast(device, torch.bfloat16, enabled=lower):
                    value = mean(loss, trial, parts[turn % len(parts)])
                value.backward()
                times[lower].append(signals.now() - started)
                losses[lower].append(value.item())
            stepped(turn)
    ratio = min(times[False]) / max(min(times[True]), 1e-9)
    apart = max(abs(a - b) / max(abs(a), 1e-6) for a, b in zip(losses[False], losses[True], strict=True))
    if ratio >= FASTER and apart <= AGREES:
        return "bfloat16", ratio, f"{ratio:.1f} times as fast as float32 here, and its losses differ by {apart:.1%}"
    why = f"bfloat16 is {ratio:.2f} times as fast here" if ratio < FASTER else f"its losses differ by {apart:.1%}"
    return "float32", 1.0, why
