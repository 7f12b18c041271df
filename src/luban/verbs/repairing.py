"""Problems before training: what was found, which edits of the recipe cure it, and whether they did.

An edit with a structural proof is accepted when the condition no longer sees its signal. One whose proof is an effect
is accepted when a paired comparison on held-out rows shows a gain. Whatever is not shown to help is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from luban.core import registry
from luban.core.deadline import Deadline
from luban.core.errors import DataError
from luban.data.dataset import Dataset
from luban.evidence.finding import Finding, Repair
from luban.protocols import Condition, Examination
from luban.recipe.edit import RecipeEdit
from luban.recipe.recipe import Recipe
from luban.verbs import examine
from luban.verbs.preparing import Prepared, prepare
from luban.verbs.stacking import Given

MOST_ROUNDS = 3
"""Repairs can uncover further problems; after this many rounds the rest is reported."""

Effect = Callable[[Prepared, Prepared], tuple[bool, str, float, float]]
"""`effect(before, after)`: whether a paired gain was shown, why, and the score before and after."""


@dataclass(frozen=True)
class Examined:
    """Rows after repair, what was found (before and after), and what became of each edit.

    examination: of the rows as they are now; None where the time to examine was over.
    """

    prepared: Prepared
    findings: tuple[Finding, ...]
    not_run: tuple[tuple[str, str], ...]
    repairs: tuple[Repair, ...]
    examination: Examination | None = None


def examine_and_repair(
    dataset: Dataset,
    given: Given,
    recipe: Recipe,
    *,
    effect: Effect,
    ask: Callable[[str], bool] | None = None,
    until: Deadline = Deadline.NEVER,
) -> Examined:
    """The rows, examined; with `repair` on, every safe edit tried, and kept where it is shown to help.

    until: when no further condition is examined. What was cut short is not repaired either, and the recipe says so:
    fitting it again then examines without repairing, and gives the same bundle.
    """
    prepared = prepare(dataset, given, recipe)
    examination = examine.examine(prepared)
    found, not_run = examine.findings(examination, until)
    if until.left() <= 0:
        unrepaired = prepared.recipe.model_copy(update={"repair": "off"})
        return Examined(replace(prepared, recipe=unrepaired), tuple(found), tuple(not_run), ())
    repairs: list[Repair] = []
    seen = list(found)
    tried: set[tuple[str, str]] = set()
    for _ in range(MOST_ROUNDS):
        todo = [
            (finding, edit)
            for finding in found
            for edit in finding.edits[:1]
            if (finding.condition, repr(edit.after)) not in tried
        ]
        if recipe.repair == "off" or not todo:
            break
        before = prepared
        for finding, edit in todo:
            tried.add((finding.condition, repr(edit.after)))
            if recipe.repair == "ask" and not (ask and ask(f"{finding.text}\nSet {edit.path} to {edit.after!r}?")):
                repairs.append(Repair(finding.condition, (edit,), False, "not wanted", finding.evidence.value))
                continue
            prepared, examination, repair = _try(dataset, given, (prepared, examination), finding, edit, effect)
            repairs.append(repair)
        if prepared is before:
            break
        found, not_run = examine.findings(examination)
        seen += [finding for finding in found if _place(finding) not in {_place(earlier) for earlier in seen}]
    return Examined(prepared, tuple(seen), tuple(not_run), tuple(repairs), examination)


def _place(finding: Finding) -> tuple[str, str | None]:
    return finding.condition, finding.where.column


def _try(
    dataset: Dataset,
    given: Given,
    now: tuple[Prepared, Examination],
    finding: Finding,
    edit: RecipeEdit,
    effect: Effect,
) -> tuple[Prepared, Examination, Repair]:
    """What is prepared and examined after an edit was tried, and what became of it."""
    condition: Condition = registry.find("conditions", finding.condition)
    signal = finding.evidence.value
    try:
        after = prepare(dataset, given, edit.apply(now[0].recipe))
    except DataError as error:
        reason = f"taken back: without it nothing could be learned ({error.message})"
        return *now, Repair(finding.condition, (edit,), False, reason, signal)
    examined = examine.examine(after)
    if condition.proof == "effect":
        helped, reason, old, new = effect(now[0], after)
        return *((after, examined) if helped else now), Repair(finding.condition, (edit,), helped, reason, old, new)
    left = [found for found in condition.examine(examined) if _place(found) == _place(finding)]
    # A note of what luban has set aside is no problem that is left.
    left = [found for found in left if found.severity != "note"]
    if left:
        reason = f"taken back: {finding.condition} is still seen"
        return *now, Repair(finding.condition, (edit,), False, reason, signal, left[0].evidence.value)
    return after, examined, Repair(finding.condition, (edit,), True, edit.reason, signal)
