"""What the conditions of answers share: tasks in which a row has one answer, and edits of the recipe."""

from __future__ import annotations

from typing import Any

from luban.evidence.judgement import Design, Judgement
from luban.recipe.edit import RecipeEdit

ONE_ANSWER = frozenset({"binary", "multiclass", "regression"})
WITH_TARGET = ONE_ANSWER | {"multilabel", "multi-task", "forecasting"}
CLASSES = frozenset({"binary", "multiclass"})


def edit(judgement: Judgement, path: str, value: Any, reason: str) -> tuple[RecipeEdit, ...]:
    """The edit, where the recipe is known and it changes something."""
    before = judgement.settings.get(path)
    if path not in judgement.settings or before == value:
        return ()
    return (RecipeEdit(path, before, value, reason),)


def penalised(design: Design, reason: str) -> tuple[RecipeEdit, ...]:
    """The edit that gives a linear model a penalty, where it has none."""
    return (RecipeEdit(design.path, "none", "l2", reason),) if design.before == "none" else ()


def rows(judgement: Judgement) -> str:
    """What the rows are called in a finding."""
    return "held-out rows" if judgement.split == "validation" else "the rows that were given"
