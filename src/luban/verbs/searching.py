"""One search: from candidates to a chosen model, and what conditions find in its answers. Each edit is tried by one."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from luban.batch import PerRow
from luban.core import registry
from luban.core.console import Console
from luban.core.deadline import Deadline
from luban.core.errors import TrainingError
from luban.core.seed import derive
from luban.evidence.finding import Finding
from luban.protocols import Form
from luban.recipe.edit import changed
from luban.recipe.recipe import Candidate, Recipe
from luban.training import candidates, racing, search, sizing
from luban.training.choosing import Chosen, HeldOut, choose
from luban.training.pool import Pool
from luban.training.search import Outcome, Race
from luban.training.unit import Training, Unit
from luban.training.work_folder import WorkFolder
from luban.verbs import judging, measuring
from luban.verbs.preparing import Prepared
from luban.verbs.repairing import Examined


@dataclass(frozen=True, eq=False)
class Ground:
    """What all searches of a run share. until: when a search should end; at_latest, until when the first two
    candidates may still take. look_until: when answers are no longer looked at.
    """

    examined: Examined
    training: Training
    folder: WorkFolder
    pool: Pool
    until: Deadline
    at_latest: Deadline
    look_until: Deadline
    console: Console

    @property
    def prepared(self) -> Prepared:
        return self.examined.prepared

    def held_out(self) -> HeldOut:
        """The rows by which models are compared."""
        rows = self.training.held_out(0)
        return HeldOut.of(self.training, rows, measuring.groups_of(self.prepared))

    def fitted(self, candidate: Candidate, everything: bool = False) -> Form:
        """The form of a finished candidate."""
        return search.fitted(self.folder, self.training, candidate, everything=everything)


@dataclass(frozen=True, eq=False)
class Searched:
    """What came of a search. asked: its candidates, the baseline first; outcomes, scores: of each of them.

    repeats: how often rows were cut into folds for the chosen model. judged, not_run: what conditions found in its
    answers, and which could not look. seconds: wall time of choosing and judging.
    """

    recipe: Recipe
    asked: tuple[Candidate, ...]
    outcomes: tuple[Outcome, ...]
    chosen: Chosen
    scores: tuple[float | None, ...]
    repeats: int
    judged: tuple[Finding, ...]
    not_run: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def members(self) -> list[Candidate]:
        """The candidates that answer."""
        return [member.candidate for member in self.chosen.members]


def in_size(ground: Ground, candidate: Candidate, seconds: float | None) -> Candidate:
    """The candidate in a size for the rows and the time, which the history tells with its reason."""
    found = sizing.sized(candidate, ground.training, seconds)
    if found.choices:
        ground.console.say(f"{found.candidate.label}: {found.reason}")
        unit = Unit(found.candidate, ground.training.ships(found.candidate)).name
        reasons = dict.fromkeys(found.choices, found.reason)
        told = {"unit": unit, "label": found.candidate.label, "choices": dict(found.choices), "reasons": reasons}
        ground.folder.tell(told)
    return found.candidate


def searched(ground: Ground, recipe: Recipe, asked: Sequence[Candidate]) -> Searched:
    """Fits the candidates, chooses of those that finished, and looks at the answers to held-out rows.

    Raises TrainingError where every model that was asked for failed.
    """
    folder, training, everything = ground.folder, ground.training, recipe.train.refit == "all"
    outcomes = search.search(
        folder, ground.pool, training, asked,
        everything=everything, until=ground.until, at_latest=ground.at_latest, console=ground.console,
        race=_race(ground, recipe, asked),
    )  # fmt: skip
    if outcomes[0].status == "skipped":
        # However little time there was, there is a usable bundle: the baseline takes a moment, and no worker.
        outcomes[0] = search.now(folder, training, asked[0], everything=everything)
    _refuse_failures(outcomes[1:], folder)
    began = time.monotonic()
    chosen, scores = chosen_of(ground, recipe, outcomes, ground.held_out())
    members = [member.candidate for member in chosen.members]
    ground.console.say(f"chosen: {chosen.label}: {chosen.reason}")
    repeats = 1
    worth_it = recipe.train.repeats != "auto" or training.view(members[0]) == "matrix"
    if len(training.folds) > 1 and worth_it:
        repeats = search.run_repeats(folder, ground.pool, training, members, ground.until)
        if repeats < len(training.folds):
            # The time was over; fitting this recipe again should not measure more often.
            recipe = changed(recipe, {"train.repeats": repeats})
    fit = judging.Fit(
        prepared=replace(ground.prepared, recipe=recipe),
        examined=ground.examined,
        training=training.seen_by(members[0]),
        folder=folder,
        chosen=chosen,
        fitted=ground.fitted,
        constant=outcomes[0].outputs,
        repeats=repeats,
    )
    judged, not_run = judging.look(fit, ground.look_until)
    return Searched(
        recipe=recipe,
        asked=tuple(asked),
        outcomes=tuple(outcomes),
        chosen=chosen,
        scores=tuple(scores),
        repeats=repeats,
        judged=tuple(judged),
        not_run=tuple(not_run),
        seconds=time.monotonic() - began,
    )


def _race(ground: Ground, recipe: Recipe, asked: Sequence[Candidate]) -> Race | None:
    """Which networks are left after the first part; None where all are to be trained: whoever names models wants these,
    and a recipe that a run recorded gives the same bundle again.
    """
    training, task = ground.training, ground.prepared.task
    named = recipe.model.candidates is not None or candidates.AUTO not in recipe.model.names
    if named or not racing.possible(training):
        return None
    rows = HeldOut.of(training, np.flatnonzero(training.folds[0] == 0), measuring.groups_of(ground.prepared))
    course = racing.Course(
        target=rows.target,
        metric=registry.find("metrics", recipe.train.metric or task.compared_by),
        task=task,
        parts=int(training.folds[0].max()) + 1,
        weight=rows.weight,
        groups=rows.groups,
        seed=derive(recipe.seed, "racing"),
    )

    def race(outputs: Mapping[int, PerRow], waiting: Collection[int]) -> dict[int, str]:
        entrants = [
            racing.Entrant(asked[place].label, said, training.view(asked[place]), stays=place not in waiting)
            for place, said in outputs.items()
        ]
        places = list(outputs)
        return {places[at]: reason for at, reason in racing.left(course, entrants).items()}

    return race


def chosen_of(
    ground: Ground, recipe: Recipe, outcomes: Sequence[Outcome], held_out: HeldOut
) -> tuple[Chosen, list[float | None]]:
    """The chosen model by some held-out rows, those that the outcomes answer, and the score of each outcome."""
    prepared = ground.prepared
    seed = derive(recipe.seed, "choosing")
    return choose(outcomes, held_out, prepared.task, recipe, seed, views=ground.training.view)


def _refuse_failures(asked: Sequence[Outcome], folder: WorkFolder) -> None:
    """Raises TrainingError where every model that was asked for failed: the simplest one is not what was wanted."""
    if not asked or any(outcome.status != "failed" for outcome in asked):
        return
    reasons = "; ".join(f"{outcome.candidate.label}: {outcome.reason}" for outcome in asked)
    raise TrainingError(f"no model could be trained: {reasons[:600]}", where=str(folder.path), fix="--model auto")
