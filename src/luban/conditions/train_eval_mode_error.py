"""Dropout or batch normalisation in the wrong mode: off while it trains, or on while held-out rows are answered.

Signal, exact: the whole network is in evaluation during a watched step although it has layers that act differently
then; or such layers were in training mode while held-out rows were answered without gradients. Threshold: one step, one
check. Silent where a part alone was switched, as frozen batch normalisation is, and for networks without such layers.
Repair: model.train() and model.eval(). Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Trace
from luban.protocols import Condition


def examine(trace: Trace) -> list[Finding]:
    wrong = [check for check in trace.checks if check.trained_mode]
    watched = any(step.layers for step in trace.watched)
    if not watched and not trace.in_evaluation and all(check.trained_mode is None for check in trace.checks):
        raise ValueError("no step was watched, and no held-out rows were seen to be answered")
    if trace.in_evaluation:
        step, layer = trace.watched[-1].step if trace.watched else 0, trace.in_evaluation[0]
        return _training.found(
            condition.id,
            "severe",
            Signal("layers in evaluation while it trains", float(len(trace.in_evaluation)), 0.0, trace.steps),
            f"the network is in evaluation mode while it trains (threshold: never), so that {len(trace.in_evaluation)} "
            f"layers such as '{layer}' do nothing of what they are for. Call model.train() before the steps of each "
            "epoch.",
            layer=layer,
            step=step,
        )
    if not wrong:
        return []
    return _training.found(
        condition.id,
        "severe",
        Signal("checks on held-out rows in training mode", float(len(wrong)), 0.0, len(trace.checks)),
        f"{len(wrong)} of {len(trace.checks)} checks answered the held-out rows in training mode (threshold: none "
        "may): dropout was on, or batch normalisation learned from them. Call model.eval() before them, and "
        "model.train() after.",
        step=wrong[0].step,
    )


condition = Condition(
    id="train-eval-mode-error",
    group="optimisation",
    summary="dropout or batch normalisation in the wrong mode",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("train-eval-mode-error"),
    code="model.train()  # before training steps; model.eval() before validation",
)
