"""Units of a ReLU layer that answer no row any more: their gradient is zero, so they never come back (Lu et al., 2020).

Signal: the share of a layer's units that were zero in each of the latest 200 examples or more. Threshold: more than
half; healthy programs stay below a quarter (measured for luban's catalogue; SageMaker takes half too, while the share
of zeros alone reaches 0.6 in healthy ones). Silent for fewer examples, for other activation functions, and where the
steps were too large before the units died, which is then the cause. Repair: what the recipe sets far from what is
usual; GELU or LeakyReLU; normalisation; a smaller learning rate. Proven by effect.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition

DEAD = 0.5
EXAMPLES = 200


def examine(trace: Trace) -> list[Finding]:
    sites: dict[str, list[tuple[int, float, int]]] = {}
    for step in trace.watched:
        for name, seen in step.activations.items():
            if seen.function == "relu" and not seen.final and seen.examples >= EXAMPLES:
                sites.setdefault(name, []).append((step.step, seen.dead, seen.examples))
    if not sites:
        raise ValueError("no ReLU was seen for long enough")
    latest = {name: seen[-1] for name, seen in sites.items()}
    worst = max(latest, key=lambda name: latest[name][1])
    number, dead, examples = latest[worst]
    if dead <= DEAD:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("share of units that were never active", dead, DEAD, examples),
        f"{dead:.0%} of the units behind the layer '{worst}' gave out zero in each of the latest {examples:,} examples "
        f"(threshold {DEAD:.0%}): they get no gradient, and stay dead. Begin again with a smaller learning rate and "
        "biases of zero, or take GELU, or normalise before the ReLU.",
        layer=worst,
        step=number,
        edits=_training.edits(
            trace,
            *_training.holding_back(trace),
            ("model.activation", "gelu", "its gradient is never zero for good"),
            ("model.normalisation", "batch", "half of the values lie above zero"),
            ("train.learning_rate", _training.rate(trace, 0.3), "smaller steps"),
        ),
    )


condition = Condition(
    id="dying-relu",
    group="optimisation",
    summary="ReLU units that output zero for every row",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=_training.symptoms("dying-relu"),
    code="torch.nn.init.zeros_(layer.bias), a smaller lr; or torch.nn.GELU() instead of ReLU",
)
