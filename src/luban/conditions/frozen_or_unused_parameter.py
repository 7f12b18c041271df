"""A parameter that should learn and does not: not in the optimiser, without a gradient, or switched off.

Signal, exact: a parameter that asks for a gradient and is not in the optimiser; one that got no gradient, or did not
move under one that is not zero, in each of the first five watched steps; a weight that asks for no gradient. Threshold:
one parameter. Silent for those that were declared to stay, for embeddings, of which a batch meets few rows, for
steps whose learning rate is zero, as at the start of a warm-up, and where all weights move by less than a millionth of
themselves, which is about what their digits hold: then the step is too small, and that another condition's. Repair:
give it to the optimiser; switch it on; use it in the forward pass. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Parameter, Trace
from luban.protocols import Condition

DIGITS = 1e-6


def examine(trace: Trace) -> list[Finding]:
    if not trace.parameters:
        raise ValueError("the parameters are not known")
    own = [parameter for parameter in trace.parameters if not parameter.frozen]
    outside = [one for one in own if one.learns and not one.optimised]
    off = [one for one in own if not one.learns and one.kind != "normalisation"]
    steps = [step for step in trace.watched if step.rate > 0][: _training.BURST]
    idle, still = set(), set()
    if len(steps) == _training.BURST:
        idle = set.intersection(*(set(step.idle) for step in steps))
        still = set.intersection(*(set(step.still) for step in steps))
    without = [one for one in own if one.name in idle and one.optimised]
    moving = [one for one in own if one.optimised and one.kind == "weight"]
    # Where hardly any weight moves at all, the step is too small for its digits: that is another condition's.
    moves = [step.layers[one.layer].ratio for step in steps for one in moving if one.layer in step.layers]
    all_still = all(one.name in still for one in moving)
    stands = len(moving) > 1 and (all_still or max(moves, default=1.0) < DIGITS)
    unmoved = [one for one in own if one.name in still and one.optimised and one.kind != "embedding" and not stands]
    for parameters, severe, what, cure in (
        (outside, True, "asks for a gradient, and the optimiser has not got it", "Give the optimiser all parameters"),
        (without, True, "never got a gradient: the forward pass does not use it", "Use it, or leave it out"),
        (unmoved, True, "gets a gradient and does not move", "Look at what the optimiser does with it"),
        (off, False, "asks for no gradient", "Switch it on, or say that it is meant: frozen=[...]"),
    ):
        if parameters:
            return _finding(trace, parameters, severe, what, cure)
    return []


def _finding(trace: Trace, parameters: list[Parameter], severe: bool, what: str, cure: str) -> list[Finding]:
    first = parameters[0]
    more = f" (and {len(parameters) - 1} more)" if len(parameters) > 1 else ""
    return _training.found(
        condition.id,
        "severe" if severe else "warning",
        Signal("parameters that cannot learn", float(len(parameters)), 0.0, len(trace.parameters)),
        f"the parameter '{first.name}'{more} {what} (threshold: none may). It stays as it was drawn. {cure}.",
        layer=first.layer,
        step=trace.watched[-1].step if trace.watched else 0,
    )


condition = Condition(
    id="frozen-or-unused-parameter",
    group="optimisation",
    summary="a parameter that should learn and does not",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("frozen-or-unused-parameter"),
    code="optimizer = torch.optim.Adam(model.parameters())  # all of them; layer.requires_grad_(True)",
)
