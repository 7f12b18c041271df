"""The search: the units of work of each candidate in order, and what came of each candidate.

Which ones compete is in `candidates`, and which of them answers in `choosing`.

A candidate is finished when it has answered every fold and was fitted on all training rows, so a search that is cut
short at any moment still has usable models: those that finished.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from luban.batch import PerRow, Ragged, joined
from luban.core.console import Advance, Console
from luban.core.deadline import Deadline
from luban.protocols import Form
from luban.recipe.recipe import Candidate, Recipe
from luban.training.pool import Done, Pool, Seconds, unlimited
from luban.training.unit import EVERYTHING, Training, Unit, by_gradient
from luban.training.work_folder import WorkFolder
from luban.training.worker import fit_unit

Race = Callable[[Mapping[int, PerRow], Collection[int]], Mapping[int, str]]
"""`race(outputs, waiting)`: which of the candidates that wait are left after the first held-out part, and why, given
what they and others answered to it; all by their place.
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one candidate. outputs: (held-out rows, outputs) for `Training.held_out`."""

    candidate: Candidate
    status: Literal["finished", "left", "skipped", "failed"]
    reason: str
    outputs: PerRow | None = None

    def to_json(self, value: float | None) -> dict[str, Any]:
        shown = {"label": self.candidate.label, "model": self.candidate.model, "settings": self.candidate.settings}
        return {**shown, "value": value, "status": self.status, "reason": self.reason}


def units(candidate: Candidate, training: Training, *, everything: bool) -> list[Unit]:
    """The fits of one candidate: each fold, then all training rows, then test rows too where the recipe says so."""
    parts = [*range(int(training.folds[0].max()) + 1), training.ships(candidate)]
    return [Unit(candidate, part) for part in dict.fromkeys([*parts, *([EVERYTHING] if everything else [])])]


def allowed(until: Deadline, workers: int) -> Seconds:
    """How much of the time each network may plan for: its share of what is left, if those that wait get as much."""

    def seconds(unit: Unit, waiting: Iterable[Unit]) -> float | None:
        if not math.isfinite(until.left()) or not by_gradient(unit.candidate):
            return None
        together = 1 + sum(by_gradient(other.candidate) for other in waiting)
        return max(until.left(), 0.0) * min(workers, together) / together

    return seconds


def search(
    folder: WorkFolder,
    pool: Pool,
    training: Training,
    asked: Sequence[Candidate],
    *,
    everything: bool,
    until: Deadline,
    at_latest: Deadline,
    console: Console,
    race: Race | None = None,
) -> list[Outcome]:
    """What came of each candidate, in their order. Ends when all are finished or the time is over.

    until: when the search should end. at_latest: until when the baseline and the first candidate may still take, where
    a busy machine puts the end so early that nothing but the baseline would be finished. race: which networks are left
    after the first part, if any are.
    """
    queue = [unit for candidate in asked for unit in units(candidate, training, everything=everything)]
    waiting = {} if race is None else _waiting(folder, training, asked, everything)
    later = [unit for own in waiting.values() for unit in own]
    done = sum(folder.finished(unit) for unit in queue)
    gone: Mapping[int, str] = {}
    with console.progress("trying models", len(queue)) as advance:
        advance(done, "continues" if done else "")
        ended = _telling(folder, advance, done, len(queue))

        def run(some: Sequence[Unit], behind: Sequence[Unit], end: Deadline) -> None:
            share = allowed(end, pool.size)
            # Those that wait behind a race are to get as much of the time.
            pool.run(some, end, ended, lambda unit, waiting: share(unit, (*waiting, *behind)))

        if until.left() < at_latest.left():
            first = [unit for candidate in asked[:2] for unit in units(candidate, training, everything=everything)]
            run(first, (), at_latest)
        if race is not None and later:
            run([unit for unit in queue if unit not in later], later, until)
            gone = race(_first_answers(folder, asked), waiting.keys())
            for place, reason in gone.items():
                console.say(f"{asked[place].label}: {reason}")
                queue = [unit for unit in queue if unit not in waiting[place]]
        run(queue, (), until)
        # What was trained beside a training that was then repaired behind its first mark is trained anew, as repaired.
        run(queue, (), until)
    return [
        Outcome(candidate, "left", gone[place]) if place in gone else _outcome(folder, training, candidate, everything)
        for place, candidate in enumerate(asked)
    ]


def _telling(folder: WorkFolder, advance: Advance, done: int, total: int) -> Done:
    """What tells the history of each unit that ends, and how far all are. done: of them, those that were finished."""

    def ended(unit: Unit, cpu_seconds: float) -> None:
        nonlocal done
        # A unit whose training was repaired behind its first mark is run once more.
        done = min(done + 1, total)
        folder.tell({"unit": unit.name, "cpu_seconds": round(cpu_seconds, 3), "failed": folder.failure(unit)})
        advance(done, unit.candidate.label)

    return ended


def _waiting(
    folder: WorkFolder, training: Training, asked: Sequence[Candidate], everything: bool
) -> dict[int, list[Unit]]:
    """The units of networks behind their first parts, which wait for the race; what is finished already is no loss."""
    own = {place: units(each, training, everything=everything) for place, each in enumerate(asked) if place}
    return {
        place: parts[1:]
        for place, parts in own.items()
        if by_gradient(asked[place]) and not all(map(folder.finished, parts))
    }


def _first_answers(folder: WorkFolder, asked: Sequence[Candidate]) -> dict[int, PerRow]:
    """What all but the baseline answered to the first held-out part, where that is done and finite."""
    first = {place: Unit(each, 0) for place, each in enumerate(asked) if place}
    done = {p: unit for p, unit in first.items() if folder.finished(unit) and folder.failure(unit) is None}
    outputs = {place: folder.outputs(unit) for place, unit in done.items()}
    return {place: said for place, said in outputs.items() if _finite(said)}


def now(folder: WorkFolder, training: Training, candidate: Candidate, *, everything: bool) -> Outcome:
    """What comes of a candidate that is fitted in this process, whatever the time."""
    for unit in units(candidate, training, everything=everything):
        if not folder.finished(unit):
            fit_unit(folder, training, unit, threads=1)
    return _outcome(folder, training, candidate, everything)


def _outcome(folder: WorkFolder, training: Training, candidate: Candidate, everything: bool) -> Outcome:
    wanted = units(candidate, training, everything=everything)
    candidate = folder.actual(wanted[0]).candidate
    failures = [reason for reason in map(folder.failure, wanted) if reason is not None]
    if failures:
        return Outcome(candidate, "failed", failures[0])
    if not all(map(folder.finished, wanted)):
        return Outcome(candidate, "skipped", "the time was over before it was finished")
    outputs = held_out_outputs(folder, training, candidate, repeat=0)
    if not _finite(outputs[training.folds[0] >= 0]):
        return Outcome(candidate, "failed", "its outputs are not finite")
    parts = int(training.folds[0].max()) + 1
    told = "one held-out part" if parts == 1 else f"{parts} held-out parts"
    return Outcome(candidate, "finished", f"answered {told}", outputs[training.held_out(0)])


def held_out_outputs(folder: WorkFolder, training: Training, candidate: Candidate, *, repeat: int) -> PerRow:
    """(rows, outputs): each row answered by the fit that did not see it; NaN where no fold held it out.

    Of sequences the row is empty there.
    """
    folds = training.folds[repeat]
    places = [np.flatnonzero(folds == fold) for fold in range(int(folds.max()) + 1)]
    found = joined([folder.outputs(Unit(candidate, fold, repeat)) for fold in range(len(places))])
    if isinstance(found, Ragged):
        return found.placed(np.concatenate(places), len(folds))
    outputs = np.full((len(folds), training.work.outputs), np.nan)
    outputs[np.concatenate(places)] = found
    return outputs


def _finite(outputs: PerRow) -> bool:
    return bool(np.isfinite(outputs.values if isinstance(outputs, Ragged) else outputs).all())


def run_each(
    title: str,
    units: Sequence[Unit],
    pool: Pool,
    until: Deadline,
    console: Console,
    seconds: Seconds = unlimited,
) -> None:
    """Fits the units by the workers, and tells the history of each."""
    with console.progress(title, len(units)) as advance:
        pool.run(units, until, _telling(pool.folder, advance, 0, len(units)), seconds)


def run_repeats(
    folder: WorkFolder, pool: Pool, training: Training, chosen: Sequence[Candidate], until: Deadline
) -> int:
    """Runs the chosen candidates on the further partitions into folds; returns how many partitions are complete."""
    partitions = range(1, len(training.folds))
    wanted = {r: [Unit(c, f, r) for c in chosen for f in range(int(training.folds[r].max()) + 1)] for r in partitions}
    pool.run([unit for units_ in wanted.values() for unit in units_], until, lambda unit, cpu_seconds: None)
    whole = [r for r in partitions if all(folder.finished(u) and folder.failure(u) is None for u in wanted[r])]
    return len(whole) + 1 if whole == list(partitions) else 1


def fitted(folder: WorkFolder, training: Training, candidate: Candidate, *, everything: bool) -> Form:
    """The form of a finished candidate, fitted on all training rows, or on test rows too."""
    return folder.form(Unit(candidate, EVERYTHING if everything else training.ships(candidate)))


def recorded(recipe: Recipe, finished: Sequence[Candidate], folder: WorkFolder, training: Training) -> Recipe:
    """The recipe with the candidates that finished, and what their training decided, so that fitting it again tries
    the same ones in the same way; none, where only the baseline finished.
    """
    told = [
        candidate.model_copy(
            update={"train": candidate.train | folder.networks.learned(candidate, training.ships(candidate))}
        )
        for candidate in finished
    ]
    models = recipe.model.model_copy(update={"candidates": tuple(told)})
    return recipe.model_copy(update={"model": models})
