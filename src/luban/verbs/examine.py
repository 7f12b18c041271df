"""Examining: what conditions look at, and what all of them find. What is done about it is in `repairing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from luban.core import registry
from luban.core.deadline import Deadline
from luban.core.seed import derive
from luban.data import loader
from luban.data.loader import sampled
from luban.evidence.attribution import attributed
from luban.evidence.finding import Finding
from luban.evidence.judgement import Judgement
from luban.protocols import Comparison, Condition, Examination
from luban.verbs.preparing import Prepared

MOST = 20_000
"""Rows of either side that conditions look at, at most."""

NotRun = tuple[str, str]
"""A condition that could not be examined, and why."""
OUT_OF_TIME = "the time for examining was over"


def examine(prepared: Prepared) -> Examination:
    """What conditions look at, of rows that are ready; a sample where there are many."""
    division, target = prepared.division, prepared.target
    train = sampled(division.train, MOST, derive(prepared.recipe.seed, "examined", "train"))
    test = sampled(division.test, MOST, derive(prepared.recipe.seed, "examined", "test"))
    raw, raw_test = loader.take(prepared.frame, train), loader.take(prepared.frame, test)
    unscaled = prepared.preprocessor.unscaled()
    return Examination(
        recipe=prepared.recipe,
        schema=prepared.schema,
        task=prepared.task,
        classes=prepared.classes,
        train=raw,
        test=raw_test,
        train_rows=train,
        test_rows=test,
        train_target=None if target is None else target[train],
        test_target=None if target is None else target[test],
        unscaled=unscaled.transform(raw),
        unscaled_test=unscaled.transform(raw_test),
        names=unscaled.sources,
        split=division.split,
        split_reason=division.reason,
        rows=len(division.train) + len(division.test),
        seed=prepared.recipe.seed,
        left_out=division.dropped,
    )


def findings(
    examination: Examination | Comparison | Judgement, until: Deadline = Deadline.NEVER
) -> tuple[list[Finding], list[NotRun]]:
    """What conditions found in it, the primary finding first; and which could not be examined, and why.

    A cause silences its symptoms: they are listed with it and not told again.
    """
    found: list[Finding] = []
    not_run: list[NotRun] = []
    sees = {Examination: "rows", Comparison: "newer rows", Judgement: "answers"}[type(examination)]
    task = examination.task if isinstance(examination, Judgement) else examination.task.name
    for name in registry.names("conditions"):
        condition: Condition = registry.find("conditions", name)
        reads: Callable[[Any], list[Finding]] | None = condition.examine if condition.sees == sees else None
        if reads is None and sees == "answers":
            reads = condition.judged
        if reads is None or task not in condition.tasks:
            continue
        if until.left() <= 0:
            not_run.append((condition.id, OUT_OF_TIME))
            continue
        try:
            found += reads(examination)
        except ValueError as reason:
            # A condition says so, in words, where the rows do not allow a judgement.
            not_run.append((condition.id, str(reason)))
    return attributed(found), not_run


def out_of_time(sees: str, task: str) -> list[NotRun]:
    """The conditions that would have looked at this of a task, had there been time."""
    found: list[Condition] = [registry.find("conditions", name) for name in registry.names("conditions")]
    return [(each.id, OUT_OF_TIME) for each in found if each.sees == sees and task in each.tasks]
