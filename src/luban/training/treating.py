"""Treating a training that goes wrong: looked at early, changed by one edit, trained again, kept only where it helps.

A training is looked at when a fifth of its steps are done, by every condition that reads a trace. Is something found
that an edit of the recipe may cure, a copy of the recipe with that one edit is trained to the same point, and both
answer rows that neither has seen. The edit is kept under four terms: the condition no longer sees its signal; the
paired gain has an interval above zero; nothing severe is new; and further rows, which this gain was not read from, do
not say the opposite. Whatever is not shown to help is taken back. Nothing is found in a training that is well, so that
it goes on from where it was looked at and loses no time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array, Inputs, PerRow
from luban.core import registry
from luban.core.errors import TrainingError
from luban.evidence.attribution import attributed
from luban.evidence.finding import Finding, Repair
from luban.evidence.looking import look
from luban.evidence.trace import Trace, smoothed
from luban.protocols import Condition, Form, Metric
from luban.recipe.edit import RecipeEdit
from luban.recipe.recipe import Candidate
from luban.training import proof, several
from luban.training.network_fit import NetworkFit
from luban.training.work_folder import Ask, Repairing

if TYPE_CHECKING:
    from luban.training.deciding import Choices

MOST_TRIES = 3
"""Edits that are tried for one training, at most: each takes as long as it took to get to the mark."""
DRAWN = 100
"""Points of a loss curve that are kept for a picture."""


@dataclass(frozen=True)
class Treated:
    """What came of looking at a training: the candidate as it is trained from here on, what was found, what was tried.

    not_run: conditions that could not look, and why.
    """

    candidate: Candidate
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate.model_dump(mode="json"),
            "findings": [finding.to_json() for finding in self.findings],
            "repairs": [repair.to_json() for repair in self.repairs],
            "not_run": [list(line) for line in self.not_run],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Treated:
        return cls(
            Candidate.model_validate(document["candidate"]),
            tuple(map(Finding.from_json, document["findings"])),
            tuple(map(Repair.from_json, document["repairs"])),
            tuple((condition, reason) for condition, reason in document["not_run"]),
        )


@dataclass(frozen=True)
class Trial:
    """A training up to its mark. form: None where no weights were left to answer with. inputs: of the held-out rows.

    findings: the primary one first. severe: conditions that found something severe, symptoms included.
    seconds: wall time.
    """

    candidate: Candidate
    choices: Choices
    trace: Trace
    form: Form | None
    inputs: Inputs = field(repr=False)
    findings: tuple[Finding, ...]
    severe: frozenset[str]
    not_run: tuple[tuple[str, str], ...]
    seconds: float

    @cached_property
    def outputs(self) -> PerRow | None:
        """What it answers to the held-out rows. Only a comparison asks: to write texts takes long."""
        return None if self.form is None else self.form.outputs(self.inputs)


@dataclass(frozen=True)
class Patient:
    """A training that is looked at: the fit of its first part, and its held-out rows in two parts.

    proving, untouched: numbers among the held-out rows.
    """

    fit: NetworkFit
    interrupted: Callable[[], bool]
    metric: Metric | None
    target: PerRow
    weight: Array | None
    proving: Array = field(repr=False)
    untouched: Array = field(repr=False)


def treat(fit: NetworkFit, interrupted: Callable[[], bool], *, how: Repairing, ask: Ask | None = None) -> Treated:
    """The candidate of a fit, looked at and repaired where that was shown to help.

    fit: of the part that is looked at. how: `off` looks only; `ask` asks before each edit. Deterministic, but for the
    time that `fit.until` leaves.

    Raises TrainingError where the loss is not finite and no edit cured it.
    """
    patient = patient_of(fit, interrupted)
    now, error = train_to_mark(patient, fit.unit.candidate)
    seen, repairs = list(now.findings), list[Repair]()
    tried: set[tuple[str, str]] = set()
    while len(tried) < MOST_TRIES and how != "off" and patient.metric is not None:
        step = next(_open(now, tried), None)
        if step is None:
            break
        finding, edit = step
        tried.add((edit.path, repr(edit.after)))
        if _too_late(fit, now):
            repairs.append(Repair(finding.condition, (edit,), False, "not tried: there was no time left"))
            break
        if how == "ask" and not (ask is not None and ask(f"{finding.text}\nSet {edit.path} to {edit.after!r}?")):
            repairs.append(Repair(finding.condition, (edit,), False, "not wanted"))
            continue
        other, failed = train_to_mark(patient, edited(now, edit))
        repair = judge(patient, now, other, finding, edit)
        repairs.append(repair)
        if repair.accepted:
            now, error = other, failed
            seen += [found for found in now.findings if found.condition not in {each.condition for each in seen}]
    if error is not None:
        raise error
    return Treated(now.candidate, tuple(seen), tuple(repairs), now.not_run)


def edited(trial: Trial, edit: RecipeEdit) -> Candidate:
    """The candidate of a trial with one edit. All that was decided for it stays as it was, but for the learning rate,
    which is found anew where it was open: what suits one network suits no other.
    """
    chosen = trial.choices.chosen()
    chosen.pop("learning_rate", None)
    train, settings = {**trial.candidate.train, **chosen}, dict(trial.candidate.settings)
    part, key = edit.path.split(".")[0], edit.path.rsplit(".", 1)[1]
    if part == "train":
        train[key] = edit.after
    else:
        settings[key] = edit.after
    return trial.candidate.model_copy(update={"train": train, "settings": settings})


def judge(patient: Patient, before: Trial, after: Trial, finding: Finding, edit: RecipeEdit) -> Repair:
    """What becomes of an edit: kept under the four terms of `proof`, or taken back with the first that failed."""
    curves = {"before": _curve(before.trace), "after": _curve(after.trace)}
    repair = Repair(finding.condition, (edit,), False, "", model=before.candidate.label, losses=curves)
    if after.form is None:
        return replace(repair, reason="taken back: its loss is not finite")
    return proof.judged(
        repair,
        still_seen=_seen(finding.condition, after.trace),
        new=after.severe - before.severe,
        gain=lambda rows: _gain(patient, before, after, rows),
        proving=patient.proving,
        untouched=patient.untouched,
    )


def patient_of(fit: NetworkFit, interrupted: Callable[[], bool]) -> Patient:
    """The training of a fit as it is looked at. interrupted: asked after each step."""
    training = fit.training
    _, answered = training.rows(fit.unit)
    rows = np.flatnonzero(answered)
    compared_by = proof.metric_of(several.task_of(training.work))
    target = None if training.batch.target is None else training.batch.target[rows]
    proving, untouched = proof.parts(len(rows), training.seed)
    return Patient(
        fit=fit,
        interrupted=interrupted,
        metric=registry.find("metrics", compared_by) if compared_by and target is not None and len(rows) > 2 else None,
        target=target,  # type: ignore[arg-type]
        weight=None if training.batch.weight is None else np.asarray(training.batch.weight)[rows],
        proving=proving,
        untouched=untouched,
    )


def train_to_mark(patient: Patient, candidate: Candidate) -> tuple[Trial, TrainingError | None]:
    """The training of a candidate up to its mark, and the error it ended with where its loss was not finite."""
    fit = patient.fit.of(candidate)
    began, trace = time.monotonic(), Trace()
    choices = fit.choices()
    if fit.resumes:
        fit.tell_choices()
    form, error = None, None
    try:
        form = fit.run(patient.interrupted, trace=trace, to_mark=True).form
    except TrainingError as failed:
        error = failed
    _, answered = fit.training.rows(fit.unit)
    inputs = fit.training.batch.inputs[answered]
    found, not_run = look(trace)
    severe = frozenset(each.condition for each in found if each.severity == "severe")
    seconds = time.monotonic() - began
    looked = tuple(attributed(found))
    return Trial(candidate, choices, trace, form, inputs, looked, severe, tuple(not_run), seconds), error


def _open(trial: Trial, tried: set[tuple[str, str]]) -> Iterator[tuple[Finding, RecipeEdit]]:
    """What may be tried next: edits of this candidate, those for the primary finding first."""
    for finding in trial.findings:
        if finding.severity == "note":
            continue
        for edit in finding.edits:
            own = edit.path.startswith(("train.", f"model.{trial.candidate.model}."))
            if own and (edit.path, repr(edit.after)) not in tried:
                yield finding, edit


def _too_late(fit: NetworkFit, trial: Trial) -> bool:
    """Whether one more trial, and as much again for going on from it, would not fit into the time."""
    return fit.until is not None and time.monotonic() + 2 * trial.seconds > fit.until


def _seen(condition: str, trace: Trace) -> bool:
    """Whether a condition still sees its signal."""
    found: Condition = registry.find("conditions", condition)
    reads = found.examine if found.sees == "training" else found.during
    assert reads is not None, "what was found in a trace is found by what reads traces"
    try:
        return any(finding.severity != "note" for finding in reads(trace))
    except ValueError:
        # What it looks at is no longer there: no ReLU, say.
        return False


def _gain(patient: Patient, before: Trial, after: Trial, rows: Array) -> proof.Gain:
    """How much better the later trial answers these held-out rows."""
    assert patient.metric is not None, "an effect is read from a metric"
    assert after.outputs is not None, "it has answers to compare"
    old = before.outputs if before.outputs is not None else _simplest(patient)
    return proof.gain(
        patient.metric,
        several.task_of(patient.fit.training.work),
        patient.target[rows],
        old[rows],
        after.outputs[rows],
        weight=None if patient.weight is None else patient.weight[rows],
        seed=patient.fit.training.seed,
    )


def _simplest(patient: Patient) -> PerRow:
    """What the simplest model answers: it stands for a training that has no weights left."""
    from luban.training.fitting import fit_candidate

    fit = patient.fit
    name = several.task_of(fit.training.work).baseline
    fitted_on, answered = fit.training.rows(fit.unit)
    batch = fit.training.batch
    form = fit_candidate(batch.take(fitted_on), fit.training.work, Candidate(model=name), seed=0, threads=1)
    return form.outputs(batch.inputs[answered])


def _curve(trace: Trace) -> tuple[tuple[int, float], ...]:
    """The loss by step, smoothed to at most DRAWN points; what is not finite ends it."""
    finite = [loss for loss in trace.losses if np.isfinite(loss)]
    width = max(-(-len(finite) // DRAWN), 1)
    return tuple((trace.number(at * width), float(value)) for at, value in enumerate(smoothed(finite, width)))
