"""Judging rows that came with their target: what conditions of answers find in a bundle's answers to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luban.batch import Answers, Array, dense
from luban.evidence.finding import Finding
from luban.evidence.judgement import Judgement, Slice, Told
from luban.schema.schema import Schema
from luban.verbs import examine
from luban.verbs.bundle import Bundle

TASKS = ("binary", "multiclass", "regression")
MOST = 20_000
"""Rows that are looked at, at most."""
UNKNOWN = "a bundle keeps nothing of its training by which rows that are given could tell: luban fit looks for it"


def parting(schema: Schema) -> list[str]:
    """The columns that may part rows."""
    inputs = [each for each in schema.columns if each.role in ("input", "group")]
    kinds = ("number", "category", "boolean")
    return [each.name for each in inputs if each.kind in kinds or each.role == "group"]


def look(
    bundle: Bundle, target: Array, answers: Answers, parts: Sequence[Slice], weight: Array | None = None
) -> tuple[list[Finding], list[examine.NotRun]]:
    """What conditions find in the answers to rows, and which could not look; nothing for a task of several answers.

    target: (rows,) encoded, each known. parts: of these rows.
    """
    told = judged(bundle, target, answers, parts, weight)
    return ([], []) if told is None else examine.findings(told)


def judged(
    bundle: Bundle, target: Array, answers: Answers, parts: Sequence[Slice], weight: Array | None = None
) -> Judgement | None:
    """The answers to rows as conditions look at them; None where a row has several answers."""
    task = bundle.stored.facts["task"]
    if task not in TASKS or answers.parts:
        return None
    said = answers.prediction if answers.probabilities is None else answers.probabilities
    outputs = dense(said).reshape(len(target), -1).astype(np.float64)
    chosen = bundle.stored.evidence["evaluation"].get("chosen", {})
    lacking = ("train", "beside", "runs", "remarks", "design", "earlier")
    return Judgement(
        task=task,
        classes=bundle.classes,
        model=str(chosen.get("label", "the model")),
        held_out=Told(target, outputs),
        split="given",
        weight=weight,
        slices=tuple(parts),
        seed=bundle.recipe.seed,
        why=dict.fromkeys(lacking, UNKNOWN),
    )
