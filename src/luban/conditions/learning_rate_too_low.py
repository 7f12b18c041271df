"""Steps so small that the training would take forever.

Signal: the loss fell by less than a tenth since the start, while every layer's weights move by less than 0.001 of
themselves a step although they get gradients; or it did not halve, while all steps that are planned, each in the same
direction, would move no layer's weights by a tenth of themselves. Threshold 1e-3 on the largest median move of a layer:
healthy programs lie at 2.9e-4 or more with a loss that has fallen, injected faults between 1e-5 and 4e-4 (measured for
luban's catalogue, and on the tuning programs of its benchmark). Silent in the first 25 steps, where the loss fell,
where gradients are zero, and while a warm-up goes on: the largest move of the watched steps counts. Repair: what the
recipe sets far from what is usual; a learning rate by a range test. Proven by effect.
"""

from __future__ import annotations

from statistics import median

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace, smoothed
from luban.protocols import Condition

SMALLEST = 1e-3
FALLEN = 0.1
WHOLE, HALVED = 0.1, 0.5
STEPS = 25
ALIVE = 1e-12


def examine(trace: Trace) -> list[Finding]:
    if trace.steps < STEPS:
        raise ValueError(f"{STEPS} steps are needed, and there were {trace.steps}")
    weights = {p.layer for p in trace.parameters if p.kind == "weight" and p.learns and not p.frozen}
    moves: dict[str, list[float]] = {}
    gradients = [0.0]
    for step in trace.watched:
        for name in weights & set(step.layers):
            moves.setdefault(name, []).append(step.layers[name].ratio)
            gradients.append(step.layers[name].gradient)
    if not moves:
        raise ValueError("no step was watched in which weights moved")
    if max(gradients) < ALIVE:
        raise ValueError("there are no gradients")
    # The tenth of the steps that move most: what warms up, or is steered down at the end, counts by its height.
    value = max(median(sorted(each)[-max(len(each) // 10, 1) :]) for each in moves.values())
    losses = trace.finite_losses
    means = smoothed(losses, max(min(len(losses) // 5, 50), 1))
    # Weights that hardly move in the whole training end where chance put them.
    stays = trace.told.steps is not None and value * trace.told.steps < WHOLE
    fallen = HALVED if stays else FALLEN
    if value >= SMALLEST or len(means) < 2 or means[-1] < (1 - fallen) * means[0]:
        return []
    return _training.found(
        condition.id,
        "warning" if trace.steps < 4 * STEPS else "severe",
        Signal("largest usual move of a layer's weights over their size", value, SMALLEST, trace.steps),
        f"in {trace.steps:,} steps the loss went from {means[0]:.4g} to {means[-1]:.4g}, and no layer's weights move "
        f"by more than {value:.1g} of their size a step (threshold {SMALLEST:g}): the learning rate of "
        f"{max(step.rate for step in trace.watched):.3g} is too low. Find one by a range test, or take ten times as "
        "much.",
        step=trace.steps - 1,
        edits=_training.edits(
            trace,
            *_training.holding_back(trace),
            ("train.learning_rate", "auto", "a range test finds the step size"),
        ),
    )


condition = Condition(
    id="learning-rate-too-low",
    group="optimisation",
    summary="steps too small to reach a minimum in time",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("learning-rate-too-low"),
    code="for group in optimizer.param_groups: group['lr'] *= 10",
)
