"""A loss that goes up and down from window to window instead of falling.

Signal: the losses in 16 windows of equal length, the first one left out; the standard deviation of what is left when
their trend is taken away, over the whole fall, and how often their direction turns. Threshold: 0.3 with at least 4
turns in 8 windows (luban's catalogue: the noise of single steps does not separate, healthy runs reach 2.3). The
amplitude must also be three times what the noise of the steps explains, or every small batch would raise an alarm.
Silent in short trainings of less than 80 steps, and late in a training whose loss is a tenth of the first one. Repair:
a smaller learning rate, or one that decays; larger batches. Proven by effect.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace, smoothed
from luban.protocols import Condition

WINDOWS = 16
STEPS = 80
SHARE = 0.3
TURNS = 0.5
BEYOND_NOISE = 3.0
LATE = 0.1


def examine(trace: Trace) -> list[Finding]:
    losses = trace.finite_losses
    if len(losses) < STEPS:
        raise ValueError(f"losses of {STEPS} steps are needed, and there were {len(losses)}")
    width = len(losses) // WINDOWS
    means = smoothed(losses, width)[1:]
    fall = max(means) - min(means)
    left = _detrended(means)
    amplitude = _deviation(left)
    signs = [after > before for before, after in pairwise(means)]
    turns = sum(a != b for a, b in pairwise(signs)) / max(len(signs) - 1, 1)
    if fall <= 0 or fmean(means[-4:]) < LATE * losses[0]:
        return []
    value = amplitude / fall
    if value <= SHARE or turns < TURNS:
        return []
    # The mean of a window scatters by this much when the steps' noise is all that there is.
    noise = _deviation([after - before for before, after in pairwise(losses)]) / math.sqrt(2 * width)
    if amplitude <= BEYOND_NOISE * noise:
        return []
    rate = trace.watched[-1].rate if trace.watched else math.nan
    return _training.found(
        condition.id,
        "warning",
        Signal("swing of the smoothed loss over its fall", value, SHARE, len(losses)),
        f"the smoothed loss swings by {amplitude:.3g} around its trend, {value:.0%} of the way it went (threshold "
        f"{SHARE:.0%}), and turns in {turns:.0%} of the windows. Take a smaller learning rate, let it decay, or take "
        "larger batches.",
        step=trace.number(len(losses) - 1),
        edits=_training.edits(
            trace,
            ("train.learning_rate", rate * 0.3, "smaller steps"),
            ("train.schedule", "cosine", "the steps become smaller"),
        ),
    )


def _deviation(values: list[float]) -> float:
    mean = fmean(values)
    return math.sqrt(fmean((value - mean) ** 2 for value in values))


def _detrended(values: list[float]) -> list[float]:
    """The values less their least-squares line."""
    middle, mean = (len(values) - 1) / 2, fmean(values)
    spread = sum((at - middle) ** 2 for at in range(len(values)))
    slope = sum((at - middle) * value for at, value in enumerate(values)) / spread
    return [value - mean - slope * (at - middle) for at, value in enumerate(values)]


condition = Condition(
    id="loss-oscillation",
    group="optimisation",
    summary="a loss that swings instead of falling",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("loss-oscillation"),
    code="torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)  # and lr * 0.3",
)
