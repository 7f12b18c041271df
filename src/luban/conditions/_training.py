"""What the conditions of a training share: how a finding is written, and which cause comes before which symptom.

The order is that of luban's catalogue. A fault early in it makes those behind it appear, never the other way round.
"""

from __future__ import annotations

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

    wanted: path, value and reason; the preferred one first. `model.activation` stands for that setting of whichever
    model is trained.
    """
    there = trace.told.settings
    own = {f"model.{path.rsplit('.', 1)[1]}": path for path in there if path.startswith("model.")}
    named = [(own.get(path, path), value, reason) for path, value, reason in wanted]
    return tuple(
        RecipeEdit(path, there[path], value, reason)
        for path, value, reason in named
        if path in there and there[path] != value
    )
