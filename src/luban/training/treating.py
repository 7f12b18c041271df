"""Treating a training that goes wrong: looked at while it goes on, changed by one edit, kept only where that helps.

A training is looked at when a fifth of its steps are done, by every condition that reads a trace; and at each further
fifth, at its end, and where its loss is not finite, for what is severe and was not there before. Is something found
that an edit of the recipe may cure, the edit is tried (`trying`). At the first mark a try begins anew. Later it goes
back to the last mark at which nothing was wrong, and on from there with the edit, where what it changes can change on
the way; else it begins anew as well. Nothing is found in a training that is well, so that it never stops for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from luban.evidence.finding import Finding, Repair
from luban.recipe.edit import RecipeEdit
from luban.recipe.recipe import Candidate
from luban.training import pausing, trying
from luban.training.network_fit import NetworkFit, Trainer, alone
from luban.training.pausing import Pause
from luban.training.trying import Patient, Trial
from luban.training.unit import Ask, Repairing

if TYPE_CHECKING:
    from luban.training.checkpoint import Saved
    from luban.training.gradient import Trained

MOST_TRIES = 3
"""Edits that are tried for one training at its first mark, at most, and as many later: each takes as long as it took to
get there, or as it takes from the mark before.
"""
FIRST = Pause(1)
LAST = 1 + round(1 / pausing.SHARE)
"""A number that no mark has: whoever is to pause there trains to the end."""
TOO_LATE = "not tried: there was no time left"


@dataclass(frozen=True)
class Treated:
    """What came of looking at a training: the candidate as it is trained from here on, what was found, what was tried.

    not_run: conditions that could not look, and why. known: those that found something severe, symptoms included.
    """

    candidate: Candidate
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()
    known: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate.model_dump(mode="json"),
            "findings": [finding.to_json() for finding in self.findings],
            "repairs": [repair.to_json() for repair in self.repairs],
            "not_run": [list(line) for line in self.not_run],
            "known": list(self.known),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Treated:
        return cls(
            Candidate.model_validate(document["candidate"]),
            tuple(map(Finding.from_json, document["findings"])),
            tuple(map(Repair.from_json, document["repairs"])),
            tuple((condition, reason) for condition, reason in document["not_run"]),
            tuple(document.get("known", ())),
        )

    def and_found(self, findings: Sequence[Finding]) -> Treated:
        """The same with findings of conditions that found nothing before."""
        there = {each.condition for each in self.findings}
        return replace(self, findings=(*self.findings, *(each for each in findings if each.condition not in there)))


def treat(
    fit: NetworkFit,
    interrupted: Callable[[], bool],
    *,
    how: Repairing,
    ask: Ask | None = None,
    train: Trainer = alone,
) -> Treated:
    """The candidate of a fit, looked at at its first mark and repaired where that was shown to help.

    fit: of the part that is looked at. how: `off` looks only; `ask` asks before each edit. train: what trains it.
    Deterministic, but for the time that `fit.until` leaves.

    Raises TrainingError where the loss is not finite and no edit cured it.
    """
    patient = trying.patient_of(fit, interrupted, train)
    now = trying.trained_to(patient, fit.unit.candidate, FIRST)
    treated = Treated(now.candidate, now.findings)
    tried: set[tuple[str, str]] = set()
    while len(tried) < MOST_TRIES and how != "off" and patient.metric is not None:
        step = next(_open(now, tried), None)
        if step is None:
            break
        finding, edit = step
        tried.add(_named(edit))
        # As long again for going on from it.
        repair = _declined(finding, edit, how, ask, _too_late(fit, 2 * now.seconds))
        if repair is None:
            other = trying.trained_to(patient, trying.edited(now, edit), FIRST)
            repair = trying.judge(patient, now, other, finding, edit, further=FIRST)
            if repair.accepted:
                now = other
                treated = treated.and_found(now.findings)
        treated = replace(treated, repairs=(*treated.repairs, repair))
        if repair.reason == TOO_LATE:
            break
    if now.error is not None:
        raise now.error
    return replace(treated, candidate=now.candidate, not_run=now.not_run, known=tuple(sorted(now.severe)))


def follow(
    fit: NetworkFit,
    interrupted: Callable[[], bool],
    *,
    known: Sequence[str],
    how: Repairing,
    ask: Ask | None = None,
    train: Trainer = alone,
) -> tuple[NetworkFit, Trained]:
    """The fit as it was trained in the end, from its first mark on, and the trained network.

    known: conditions that found something severe at the first mark. What is found and tried is written into the folder
    of the run as soon as it is decided, so that whoever goes on after a kill comes to the same end.

    Raises TrainingError where the loss is not finite and no edit cured it.
    """
    patient = trying.patient_of(fit, interrupted, train)
    begun = fit.folder.networks.followed(fit.unit.candidate)
    course = Treated(fit.unit.candidate, known=tuple(known)) if begun is None else Treated.from_json(begun)
    while True:
        looks = how != "off" and patient.metric is not None
        now = trying.trained_to(patient, course.candidate, Pause(None if looks else LAST, course.known))
        fresh = now.severe - set(course.known)
        if not looks or not fresh:
            fit.folder.networks.follow(fit.unit.candidate, course.and_found(now.findings).to_json())
            return fit.of(course.candidate), _trained(now)
        course = _treated_later(patient, course, now, fresh, how, ask)
        fit.folder.networks.follow(fit.unit.candidate, course.to_json())
        if course.candidate == now.candidate and (now.trained is None or not now.trained.paused):
            return fit.of(course.candidate), _trained(now)


def _treated_later(
    patient: Patient, course: Treated, now: Trial, fresh: frozenset[str], how: Repairing, ask: Ask | None
) -> Treated:
    """What comes of a fault that began behind the first mark. fresh: the conditions that saw it."""
    found = [each for each in now.findings if fresh & {each.condition, *each.explains}]
    course = course.and_found(found)
    good, marks = patient.fit.of(now.candidate).good(), pausing.marks(now.trace.told.steps or 0)
    # A loss that is not finite ends a training between two marks; at the next one it is seen whether that came again.
    point = Pause(next((number for number, mark in enumerate(marks, 1) if mark >= now.reached), LAST))
    offered = [(f, edit, good and trying.from_step(now, edit, good.step)) for f, edit in _open(now, set(), found)]
    # What began well needs no new beginning, as long as something else may help; and that is the shorter way.
    for finding, edit, later in sorted(offered, key=lambda each: each[2] is None):
        if len(course.repairs) == MOST_TRIES:
            break
        tried = later or edit
        # Steps that such a try, and going on from it, take; in the time that steps took so far.
        steps = (now.trace.told.steps or now.reached) - (good.step if later and good else 0)
        needed = now.seconds / max(now.reached - (good.step if good else 0), 1) * steps
        repair = _declined(finding, tried, how, ask, _too_late(patient.fit, needed))
        if repair is None:
            other = _tried(patient, trying.edited(now, tried), point, good if later else None)
            repair = trying.judge(patient, now, other, finding, tried)
            if repair.accepted:
                return replace(course, candidate=other.candidate, repairs=(*course.repairs, repair))
        course = replace(course, repairs=(*course.repairs, repair))
        if repair.reason == TOO_LATE:
            break
    return replace(course, known=tuple(sorted({*course.known, *fresh})))


def _tried(patient: Patient, candidate: Candidate, point: Pause, state: Saved | None) -> Trial:
    """A try up to the point of comparison. state: from where it goes on; None to begin anew."""
    if state is not None:
        patient.fit.of(candidate).go_on_from(state)
    return trying.trained_to(patient, candidate, point)


def _trained(trial: Trial) -> Trained:
    if trial.error is not None:
        raise trial.error
    assert trial.trained is not None, "what did not fail is trained"
    return trial.trained


def _open(
    trial: Trial, tried: set[tuple[str, str]], findings: Sequence[Finding] | None = None
) -> Iterator[tuple[Finding, RecipeEdit]]:
    """What may be tried next: edits of this candidate, those for the primary finding first."""
    for finding in trial.findings if findings is None else findings:
        if finding.severity == "note":
            continue
        for edit in finding.edits:
            own = edit.path.startswith(("train.", f"model.{trial.candidate.model}."))
            if own and _named(edit) not in tried:
                yield finding, edit


def _named(edit: RecipeEdit) -> tuple[str, str]:
    return edit.path, repr(edit.after)


def _declined(finding: Finding, edit: RecipeEdit, how: Repairing, ask: Ask | None, too_late: bool) -> Repair | None:
    """Why an edit is not tried; None where it is."""
    if too_late:
        return Repair(finding.condition, (edit,), False, TOO_LATE)
    if how == "ask" and not (ask is not None and ask(f"{finding.text}\nSet {edit.path} to {edit.after!r}?")):
        return Repair(finding.condition, (edit,), False, "not wanted")
    return None


def _too_late(fit: NetworkFit, seconds: float) -> bool:
    """Whether so many seconds do not fit into the time."""
    return fit.until is not None and time.monotonic() + seconds > fit.until
