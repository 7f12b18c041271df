"""Mending: what was found in answers, cured by an edit of the models that answer where that is shown to help.

A copy of the candidates with one edit is searched again, of which only what the edit changed is fitted, and both models
answer the held-out rows. Whoever chooses models and corrects probabilities learns from such rows, so here each half of
them is answered by what the other half chose. The terms under which an edit is kept are those of every other one
(`luban.training.proof`), and so is its end: what is not shown to help is taken back, and written down.

An edit that lets other models compete is never tried: whoever named a model wanted that one, and is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from luban.batch import Array, dense
from luban.core import registry
from luban.core.errors import TrainingError
from luban.core.seed import derive
from luban.evidence.finding import Finding, Repair
from luban.protocols import Condition, Metric
from luban.recipe.edit import RecipeEdit, changed
from luban.recipe.recipe import Candidate, Recipe
from luban.training import proof, search
from luban.training.choosing import HeldOut, mixed
from luban.training.search import Outcome
from luban.training.settings import settings
from luban.training.unit import by_gradient
from luban.verbs import encoding, measuring
from luban.verbs.examine import OUT_OF_TIME
from luban.verbs.searching import Ground, Searched, chosen_of, searched

MOST_TRIES = 3
"""Edits that are tried in one run, at most."""
TASKS = ("binary", "multiclass", "regression")
CALIBRATION = "train.calibration"

Ask = Callable[[str], bool]
"""`ask(question)`: whether an edit may be tried."""


@dataclass(frozen=True)
class Mended:
    """The search that answers from here on. repairs: what became of the edits that were tried.

    cured: what was found before an edit that was kept, and is no longer seen.
    """

    now: Searched
    repairs: tuple[Repair, ...] = ()
    cured: tuple[Finding, ...] = ()


def mend(ground: Ground, first: Searched, ask: Ask | None = None) -> Mended:
    """The search, or one with edits that were shown to help. Deterministic, but for the time that is left.

    Candidates that a run recorded stay as they are, so that fitting its recipe again gives the same bundle.
    """
    now, how = first, encoding.repairing(first.recipe)
    repairs: list[Repair] = []
    cured: list[Finding] = []
    tried: set[tuple[str, str]] = set()
    while how != "off" and ground.prepared.task.name in TASKS and len(repairs) < MOST_TRIES:
        step = next(_open(now, tried), None)
        if step is None:
            break
        finding, edit = step
        tried.add((edit.path, repr(edit.after)))
        repair = Repair(finding.condition, (edit,), False, "", model=now.chosen.label)
        if ground.until.left() <= _seconds(ground, now, edit):
            repairs.append(replace(repair, reason="not tried: there was no time left"))
            break
        if how == "ask" and not (ask is not None and ask(f"{finding.text}\nSet {edit.path} to {edit.after!r}?")):
            repairs.append(replace(repair, reason="not wanted"))
            continue
        other, repair = _tried(ground, now, repair)
        repairs.append(repair)
        if other is not None and repair.accepted:
            cured += [each for each in now.judged if each.condition not in _seen(other)]
            now = other
    return Mended(now, tuple(repairs), tuple(cured))


def _tried(ground: Ground, now: Searched, repair: Repair) -> tuple[Searched | None, Repair]:
    """The search with an edit, and what becomes of it."""
    (edit,) = repair.edits
    recipe, asked = edited(now, edit)
    ground.console.say(f"trying {edit.path}={edit.after}, for {repair.condition}")
    try:
        other = searched(ground, recipe, asked)
    except TrainingError as failed:
        return None, replace(repair, reason=f"taken back: {failed.message}")
    late = [each for each in other.outcomes if each.status != "finished" and each.candidate not in now.asked]
    if late:
        return None, replace(repair, reason=f"taken back: {late[0].reason}")
    if (repair.condition, OUT_OF_TIME) in other.not_run:
        return None, replace(repair, reason="taken back: there was no time left to look at it again")
    groups = measuring.groups_of(ground.prepared)
    rows = ground.training.held_out(0)
    target = dense(ground.held_out().target)
    before, after = (_answers(ground, each) for each in (now, other))
    weight = ground.training.batch.weight
    metric: Metric = registry.find("metrics", proof.metric_of(ground.prepared.task))

    def gain(some: Array) -> proof.Gain:
        return proof.gain(
            metric, ground.prepared.task, target[some], before[some], after[some],
            weight=None if weight is None else np.asarray(weight)[rows][some],
            groups=None if groups is None else groups[rows][some],
            seed=derive(recipe.seed, "mending"),
        )  # fmt: skip

    proving, untouched = proof.parts(len(rows), recipe.seed)
    condition: Condition = registry.find("conditions", repair.condition)
    return other, proof.judged(
        repair,
        still_seen=repair.condition in _seen(other),
        new=_severe(other) - _severe(now),
        gain=gain,
        proving=proving,
        untouched=untouched,
        structural=condition.proof == "structural",
    )


def edited(now: Searched, edit: RecipeEdit) -> tuple[Recipe, list[Candidate]]:
    """The recipe and the candidates of a search with one edit: of the models that answer, and of no others."""
    if edit.path == CALIBRATION:
        return changed(now.recipe, {CALIBRATION: edit.after}), list(now.asked)
    _, model, key = edit.path.split(".")
    # Where the recipe itself sets it, it should not say the contrary of the candidates.
    said = key in now.recipe.model.settings().get(model, {})
    recipe = changed(now.recipe, {edit.path: edit.after}) if said else now.recipe
    asked: list[Candidate] = []
    for each in now.asked:
        other = _with(each, key, edit) if each in now.members and each.model == model else each
        if other not in asked:
            asked.append(other)
    return recipe, asked


def _with(candidate: Candidate, key: str, edit: RecipeEdit) -> Candidate:
    if settings(candidate).model_dump(mode="json").get(key) != edit.before:
        return candidate
    return candidate.model_copy(update={"settings": {**candidate.settings, key: edit.after}})


def _open(now: Searched, tried: set[tuple[str, str]]) -> Iterator[tuple[Finding, RecipeEdit]]:
    """What may be tried next: edits of the models that answer, those for the primary finding first."""
    own = tuple(f"model.{each.model}." for each in now.members if not by_gradient(each))
    for finding in now.judged:
        if finding.severity == "note":
            continue
        for edit in finding.edits:
            fits = edit.path == CALIBRATION or edit.path.startswith(own)
            if fits and (edit.path, repr(edit.after)) not in tried:
                yield finding, edit


def _answers(ground: Ground, of: Searched) -> Array:
    """(held-out rows, outputs): each half of the rows is answered by what was chosen, and corrected, on the other."""
    held_out = ground.held_out()
    half = _halves(held_out, of.recipe.seed)
    said = np.full((len(half), ground.training.work.outputs), np.nan)
    for part in (0, 1):
        other = half != part
        outcomes = [_of_rows(each, other) for each in of.outcomes]
        chosen, _ = chosen_of(ground, of.recipe, outcomes, _rows(held_out, other))
        members = [next(each for each in of.outcomes if each.candidate == m.candidate) for m in chosen.members]
        outputs = mixed([m.weight for m in chosen.members], [dense(each.outputs)[~other] for each in members])
        said[~other] = outputs if chosen.calibration is None else dense(chosen.calibration.apply(outputs))
    return said


def _halves(held_out: HeldOut, seed: int) -> Array:
    """(rows,) 0 or 1; rows of a group are in one half, since they are in one fold."""
    if held_out.folds.max() > 0:
        return held_out.folds % 2
    unit = np.arange(len(held_out.folds)) if held_out.groups is None else held_out.groups
    names, code = np.unique(unit, return_inverse=True)
    return np.random.default_rng(derive(seed, "mending", "halves")).permutation(len(names))[code] % 2


def _rows(held_out: HeldOut, kept: Array) -> HeldOut:
    return HeldOut(
        held_out.target[kept],
        held_out.folds[kept],
        None if held_out.weight is None else held_out.weight[kept],
        None if held_out.groups is None else held_out.groups[kept],
    )


def _of_rows(outcome: Outcome, kept: Array) -> Outcome:
    return outcome if outcome.outputs is None else replace(outcome, outputs=outcome.outputs[kept])


def _seen(of: Searched) -> set[str]:
    """Conditions that see something above a note, symptoms included."""
    loud = [each for each in of.judged if each.severity != "note"]
    return {condition for each in loud for condition in (each.condition, *each.explains)}


def _severe(of: Searched) -> set[str]:
    return {each.condition for each in of.judged if each.severity == "severe"}


def _seconds(ground: Ground, now: Searched, edit: RecipeEdit) -> float:
    """How long a try takes at least: what it changes is fitted anew, and all is judged again."""
    _, asked = edited(now, edit)
    changed_ = [each for each in now.asked if each not in asked]
    units = {
        unit.name
        for each in changed_
        for unit in search.units(each, ground.training, everything=now.recipe.train.refit == "all")
    }
    spent = sum(line["cpu_seconds"] for line in ground.folder.history() if line.get("unit") in units)
    return now.seconds + spent / ground.pool.size
