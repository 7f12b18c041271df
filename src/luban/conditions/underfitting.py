"""A model with too little capacity, or trained too little: quick models answer held-out rows better than this one
answers its own training rows.

Signal: the mean error on the training rows less that of quick models (a linear one, trees and neighbours together) on
held-out rows; the error is 0 or 1 of classes, and of values relative to the best constant answer. Threshold: 2
standard errors of the difference (luban's catalogue), and at least 0.02, below which it matters to nobody; and the
held-out rows, the same for both, must be answered worse by as much, row by row. Silent where training rows are answered
much better than held-out ones: a gap of 0.1 and more is no lack of capacity, unless the lack is larger than the gap.
Silent also where quick models were not held out alike (rows that share groups, or that have an order in time), and
where classes are balanced, so that the model is to err otherwise than they do.

In a training a penalty that is too strong shows early. Signal: the size of each layer's weights over what it was in the
first watched step, the largest of all layers. Threshold 0.5: in the tuning programs of luban's benchmarks some layer of
every sound network kept 0.9 and more in its first fifth, and under weight decay of 20 and more all fell below 0.3.
Silent without weight decay or an L1 penalty. Or else: the recipe sets something far from what is usual that holds
trainings back, as a dropout of 0.9. Both are silent in the first 50 steps, and where the loss is below a fifth of a
constant answer's: what is known by then needs nothing more.

Repair: models of more capacity, more rounds or epochs, a weaker penalty. Proven by effect: errors on training and on
held-out rows fall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean
from typing import Any

import numpy as np

from luban.conditions import _answers, _training
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Judgement, Told, errors
from luban.evidence.trace import Trace
from luban.protocols import Condition
from luban.recipe.edit import RecipeEdit

STANDARD_ERRORS = 2.0
LEAST = 0.02
GAP = 0.1
FEWEST = 50
"""Held-out rows."""
ENOUGH_LEAVES, FEW_NEIGHBOURS, WEAKER = 31, 15, 100.0
SHRUNK, KNOWN, STEPS = 0.5, 0.2, 50
_WEAKER = (
    ("train.weight_decay", 0.01, "a penalty so weak leaves room for what the rows tell"),
    ("train.l1", 0.0, "weights may be as large as the rows ask for"),
)


def examine(judgement: Judgement) -> list[Finding]:
    if judgement.train is None:
        raise judgement.lacks("train")
    if judgement.beside is None:
        raise judgement.lacks("beside")
    if judgement.settings.get("train.class_weight") == "balanced":
        raise ValueError("classes are balanced, so that its errors weigh otherwise than those of quick models")
    places = judgement.beside.places
    if len(places) < FEWEST:
        raise ValueError(f"{len(places)} held-out rows are too few to compare models; {FEWEST} are needed")
    target = judgement.held_out.target[places]
    own = errors(judgement.task, Told(target, judgement.held_out.outputs[places]))
    quick = errors(judgement.task, Told(target, judgement.beside.outputs))
    train = errors(judgement.task, judgement.train)
    beyond = float(train.mean() - quick.mean())
    bound = max(STANDARD_ERRORS * float(np.hypot(_error(train), _error(quick))), LEAST)
    worse = own - quick
    as_much = max(STANDARD_ERRORS * _error(worse), LEAST)
    gap = float(own.mean() - train.mean())
    if beyond <= bound or worse.mean() <= as_much or gap >= max(GAP, beyond):
        return []
    named = "wrong" if judgement.task != "regression" else "the error, in shares of that of a constant answer,"
    shown = f"{train.mean():.1%} {named}" if judgement.task != "regression" else f"{named} is {train.mean():.2f}"
    other = f"{quick.mean():.1%}" if judgement.task != "regression" else f"{quick.mean():.2f}"
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(),
            evidence=Signal("error on training rows less that of quick models on others", beyond, bound, len(places)),
            text=(
                f"of its own training rows {judgement.model} has {shown}, and quick models have {other} on rows that "
                f"they did not see: {beyond:.3f} less (threshold {bound:.3f}). The model is too stiff for what the "
                "columns tell, or was trained too little. Let others compete (--model auto), or give it more capacity, "
                "more rounds or epochs, or a weaker penalty."
            ),
            edits=(
                *_roomier(judgement),
                *_answers.edit(judgement, "model.names", ["auto"], "models of more capacity compete"),
            ),
        )
    ]


def in_training(trace: Trace) -> list[Finding]:
    """Something in the recipe that keeps weights from learning what the rows tell."""
    if not trace.parameters:
        raise ValueError("the parameters are not known")
    if trace.steps < STEPS:
        raise ValueError(f"{STEPS} steps are needed, and there were {trace.steps}")
    losses = trace.finite_losses
    latest = fmean(losses[-max(len(losses) // 10, 1) :]) if losses else math.inf
    if latest <= KNOWN * (trace.constant_loss or 0.0):
        return []
    return _shrinking(trace, latest) or _held_back(trace, latest)


def _shrinking(trace: Trace, latest: float) -> list[Finding]:
    """Weights that a penalty shrinks in every layer. latest: the loss."""
    settings = trace.told.settings
    decay, l1 = (float(settings.get(f"train.{name}") or 0.0) for name in ("weight_decay", "l1"))
    decay = max(decay, trace.decay)
    weights = {p.layer for p in trace.parameters if p.kind == "weight" and p.learns and not p.frozen and not p.zero}
    if not (decay or l1) or not trace.watched:
        return []
    first, last = trace.watched[0].layers, trace.watched[-1].layers
    kept = [(last[n].weight / first[n].weight, n) for n in weights if n in last and n in first and first[n].weight > 0]
    value, layer = max(kept, default=(1.0, ""))
    if value >= SHRUNK:
        return []
    found = _training.found(
        condition.id,
        "warning",
        Signal("size of a layer's weights over that at the start, the largest", value, SHRUNK, len(kept)),
        f"by step {trace.watched[-1].step} the weights of every layer shrank: those of '{layer}', which kept the "
        f"most, are {value:.2g} of what they were (threshold {SHRUNK}), while the loss is {latest:.4g}. A penalty "
        f"(weight decay {decay:g}, L1 {l1:g}) outweighs what the rows tell. Take a weaker one.",
        layer=layer,
        step=trace.watched[-1].step,
        edits=_training.edits(trace, *_training.holding_back(trace), *_WEAKER),
    )
    return [each.explaining("not-learning", "learning-rate-too-low") for each in found]


def _held_back(trace: Trace, latest: float) -> list[Finding]:
    """A setting far from what is usual, beside a loss that tells of little that was learned."""
    edits = _training.edits(trace, *_training.holding_back(trace))
    if not edits or not trace.constant_loss:
        return []
    value = latest / trace.constant_loss
    return _training.found(
        condition.id,
        "warning",
        Signal("loss over that of a constant answer", value, KNOWN, trace.steps),
        f"after {trace.steps:,} steps the loss is {latest:.4g}, {value:.0%} of what the best constant answer has "
        f"(threshold {KNOWN:.0%}), and {edits[0].path}={edits[0].before} is far from what is usual: {edits[0].reason}.",
        step=trace.steps - 1,
        edits=edits,
    )


def _roomier(judgement: Judgement) -> list[RecipeEdit]:
    """Edits that give the models that answer more capacity, where a setting holds them."""
    found: list[RecipeEdit] = []
    for path, before in judgement.settings.items():
        part, _, key = path.rpartition(".")
        if not part.startswith("model.") or key not in _ROOM or isinstance(before, str):
            continue
        after = _ROOM[key](before)
        reason = f"{_WHAT[key]} follow the rows more closely"
        if after != before:
            found += _answers.edit(judgement, path, after, reason)
    return found


_ROOM: dict[str, Callable[[Any], Any]] = {
    "depth": lambda depth: None,
    "leaf": lambda rows: None if rows is None or rows > 1 else rows,
    "leaves": lambda leaves: max(leaves, ENOUGH_LEAVES),
    "rounds": lambda rounds: None,
    "neighbours": lambda neighbours: min(neighbours, FEW_NEIGHBOURS),
    "l2": lambda penalty: min(penalty, 1.0),
    "C": lambda strength: max(1.0, strength * WEAKER),
}
"""What a setting becomes where it should hold a model less; the same where it does not hold it."""
_WHAT = {
    "depth": "deeper trees",
    "leaf": "smaller leaves",
    "leaves": "trees of more leaves",
    "rounds": "more rounds",
    "neighbours": "fewer neighbours",
    "l2": "less penalised trees",
    "C": "less penalised weights",
}


def _error(values: np.ndarray) -> float:
    """The standard error of their mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


condition = Condition(
    id="underfitting",
    group="generalisation",
    summary="training rows are answered worse than quick models answer held-out rows",
    examine=examine,
    tasks=_answers.ONE_ANSWER,
    sees="answers",
    during=in_training,
    proof="effect",
    silences=("miscalibration", "underperforming-group"),
    code="optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)  # a penalty that leaves room",
)
