"""What the conditions of a training share: how a finding is written, and which cause comes before which symptom.

The order is that of luban's catalogue. A fault early in it makes those behind it appear, never the other way round.
"""

from __future__ import annotations

import math
from typing import Any

from luban.core import registry
from luban.evidence.finding import Finding, Severity, Signal, Where
from luban.evidence.trace import Trace
from luban.recipe.edit import RecipeEdit

TASKS = frozenset(registry.names("tasks"))
"""A training is looked at whatever it learns."""

_CAUSES_FIRST = (
    "nonfinite-data",
    "wrong-loss-or-activation",
    "master-weight-precision",
    "stale-gradient",
    "frozen-or-unused-parameter",
    "train-eval-mode-error",
    "batch-dependence",
    "shuffle-error",
    "clipping-ineffective",
    "unscaled-features",
    "constant-or-symmetric-init",
    "bad-initial-loss",
    "saturated-activation",
    "vanishing-gradient",
    "exploding-gradient",
    "learning-rate-too-high",
    "dying-relu",
    "learning-rate-too-low",
    "nonfinite-training",
    "loss-oscillation",
    "loss-spike",
    "not-learning",
    "overfitting",
)
BURST = 5
"""Watched steps that show how a training begins."""
RISE = 0.2


def rise(trace: Trace) -> float:
    """By how much a loss must rise to count: a fifth of the first loss, or of a constant answer's where that is larger.

    Late in a training, or in one that goes on from trained weights, tiny losses double often.
    """
    finite = trace.finite_losses
    return RISE * max(finite[0] if finite else 0.0, trace.constant_loss or 0.0)


def symptoms(cause: str) -> tuple[str, ...]:
    """The conditions that this one makes appear.

    >>> symptoms("loss-spike")
    ('not-learning', 'overfitting')
    """
    return _CAUSES_FIRST[_CAUSES_FIRST.index(cause) + 1 :]


def found(
    condition: str,
    severity: Severity,
    signal: Signal,
    text: str,
    *,
    layer: str | None = None,
    step: int | None = None,
    edits: tuple[RecipeEdit, ...] = (),
) -> list[Finding]:
    """One finding in a list."""
    return [Finding(condition, severity, Where(layer=layer, step=step), signal, text, edits)]


def edits(trace: Trace, *wanted: tuple[str, Any, str]) -> tuple[RecipeEdit, ...]:
    """The edits of the recipe that change something.

    wanted: path, value and reason; the preferred one first, and the first reason for what is named twice.
    `model.activation` stands for that setting of whichever model is trained.
    """
    there = trace.told.settings
    own = {f"model.{path.rsplit('.', 1)[1]}": path for path in there if path.startswith("model.")}
    named: dict[tuple[str, str], tuple[Any, str]] = {}
    for path, value, reason in wanted:
        named.setdefault((own.get(path, path), repr(value)), (value, reason))
    return tuple(
        RecipeEdit(path, there[path], value, reason)
        for (path, _), (value, reason) in named.items()
        if path in there and there[path] != value
    )


def rate(trace: Trace, share: float) -> float | str:
    """This share of the largest learning rate that was seen, in two digits, for an edit; `auto` where none was.

    >>> rate(Trace(), 0.1)
    'auto'
    """
    seen = [step.rate for step in trace.watched if math.isfinite(step.rate)]
    return float(f"{share * max(seen):.2g}") if seen and max(seen) > 0 else "auto"


_HOLDING_BACK: tuple[tuple[str, float, float | None, Any, str], ...] = (
    ("train.weight_decay", 0.5, None, 0.01, "weights that shrink so fast learn nothing"),
    ("train.l1", 0.01, None, 0.0, "a penalty so large leaves no weight"),
    ("model.dropout", 0.7, None, 0.1, "with most units set to zero little gets through"),
    ("train.label_smoothing", 0.5, None, 0.0, "targets that are nearly equal tell nothing"),
    ("train.ema", 0.995, None, 0.0, "an average over so many steps still holds the first weights"),
    ("train.warmup", 0.5, None, 0.05, "the rate is reached only when the training is nearly over"),
    ("train.momentum", 0.98, None, 0.9, "an old gradient still counts after a hundred steps"),
    ("train.clip", math.inf, 0.02, 1.0, "gradients cut so short move nothing"),
)
"""Settings that can hold a training back by themselves: path, above or below which value, what is usual, and why."""


def holding_back(trace: Trace) -> tuple[tuple[str, Any, str], ...]:
    """What `edits` takes, for the settings of the recipe that are far from what is usual and hold a training back.

    >>> from luban.evidence.trace import Told
    >>> holding_back(Trace(told=Told(settings={"train.weight_decay": 100.0, "train.clip": 1.0})))
    (('train.weight_decay', 0.01, 'weights that shrink so fast learn nothing'),)
    """
    there = trace.told.settings
    own = {f"model.{path.rsplit('.', 1)[1]}": path for path in there if path.startswith("model.")}
    found = []
    for path, above, below, usual, reason in _HOLDING_BACK:
        value = there.get(own.get(path, path))
        if isinstance(value, int | float) and (value > above or (below is not None and value < below)):
            found.append((path, usual, reason))
    return tuple(found)
