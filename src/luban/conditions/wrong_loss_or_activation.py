"""A loss that does not fit the output of the network: probabilities where logits are expected, shapes that broadcast.

Signal, exact, on the answers to the first batches: rows that are positive and sum to 1 under a cross-entropy, which
takes the softmax itself; values within 0..1, or none below zero, under a loss that wants scores; values that are no
logarithms of probabilities under a negative log-likelihood; an answer of shape (rows, 1) against targets of shape
(rows,), which are then compared each with each; and targets that the last activation function cannot reach. Threshold:
every row that was seen, or a twentieth of the targets. Silent where the loss function was not named or is none of
torch's. Repair: leave the activation out, or take the loss that fits. Proven structurally.
"""

from __future__ import annotations

from luban.conditions import _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.trace import Answering, Trace
from luban.protocols import Condition

FEWEST = 8
"""Rows; fewer could be positive by chance."""
OUTSIDE = 0.05
"""Share of the targets that may lie where the answers cannot come."""
_SCORES = ("cross-entropy", "binary-cross-entropy-with-logits")


def examine(trace: Trace) -> list[Finding]:
    if not trace.loss_function:
        raise ValueError("the loss function is not known: loss=... names it")
    seen = trace.answering
    if seen is None or seen.rows < FEWEST:
        raise ValueError("the answers of the network, or their number, are not known")
    problem = _problem(trace.loss_function, seen, _last(trace))
    if problem is None:
        return []
    value, text = problem
    return _training.found(
        condition.id,
        "severe",
        Signal("share of the answers that do not fit the loss", value, 0.0, seen.rows),
        f"{text} (threshold: no row may).",
        step=0,
    )


def _last(trace: Trace) -> str:
    """The activation function that was seen to give out the answers; empty without one."""
    seen = (activation for step in trace.watched for activation in step.activations.values())
    return next((activation.function for activation in seen if activation.final), "")


def _problem(loss: str, seen: Answering, last: str) -> tuple[float, str] | None:
    name = loss.replace("-", " ")
    if loss == "cross-entropy" and seen.sums_to_one:
        return 1.0, (
            "the network answers with probabilities, and cross-entropy takes their softmax again, so that its gradient "
            "nearly goes away. Leave the softmax out of the network"
        )
    if loss == "cross-entropy" and seen.logarithms and last:
        return None
    # Without an activation function, scores that happen to lie there are no fault.
    if loss in _SCORES and seen.unit and last:
        return 1.0, (
            f"all answers lie between 0 and 1, and {name} wants scores of any size. Leave the last {last} out of "
            "the network"
        )
    if loss in _SCORES and seen.positive and last and seen.rows * max(seen.shape[-1], 1) >= 2 * FEWEST:
        return 1.0, f"no answer is below zero, and {name} wants scores of either sign. Leave the last {last} out"
    if loss == "negative-log-likelihood" and len(seen.shape) == 1 and seen.shape[0] > 1 and not seen.logarithms:
        return 1.0, (
            "the answers are no logarithms of probabilities, and the negative log-likelihood adds them up as they are: "
            "it falls without end. Take cross-entropy, or end the network with a log-softmax"
        )
    if loss in ("squared", "absolute") and seen.target_shape is not None and seen.shape != seen.target_shape:
        return 1.0, (
            f"answers have the shape (rows{_tail(seen.shape)}) and targets (rows{_tail(seen.target_shape)}): each "
            "answer is compared with every target, and the network learns their mean. Give both one shape: "
            "target.view_as(answer)"
        )
    if seen.outside > OUTSIDE:
        return seen.outside, (
            f"{seen.outside:.0%} of the targets lie where the last activation function of the network cannot come. "
            "Leave it out, or scale the targets"
        )
    return None


def _tail(shape: tuple[int, ...]) -> str:
    return "".join(f", {size}" for size in shape) or ","


condition = Condition(
    id="wrong-loss-or-activation",
    group="optimisation",
    summary="a loss that does not fit the output of the network",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="structural",
    silences=_training.symptoms("wrong-loss-or-activation"),
    code="loss_function(scores, targets)  # scores straight from the last linear layer, of the shape of the targets",
)
