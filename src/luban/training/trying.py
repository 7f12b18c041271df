"""A try: a training with one edit of its recipe, beside the one without it, and what becomes of the edit.

Both are trained to the same point and answer rows that neither has seen, and the edit is kept under the four terms of
`proof`. Which edits are tried, and when, is in `treating`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
from luban.protocols import Condition, Metric
from luban.recipe.edit import RecipeEdit
from luban.recipe.optimisation import Change
from luban.recipe.recipe import Candidate
from luban.training import proof, several
from luban.training.network_fit import NetworkFit, Trainer, alone
from luban.training.pausing import Pause

if TYPE_CHECKING:
    from luban.training.choices import Choices
    from luban.training.gradient import Trained

MOST_PARTS = 3
"""Parts of the rows that are asked whether an edit helps, at most: few rows show little, and those are soon trained on.
"""
DRAWN = 100
"""Points of a loss curve that are kept for a picture."""


STEERED = frozenset(Change.model_fields) - {"step"}
"""What can change on the way of a training; for all else it has to begin anew."""


@dataclass(frozen=True)
class Trial:
    """A training up to where it paused, or ended. trained: None where no weights were left to answer with; error: then.

    inputs: of the held-out rows. findings: the primary one first. severe: conditions that found something severe,
    symptoms included. seconds: wall time.
    """

    candidate: Candidate
    choices: Choices
    trace: Trace
    trained: Trained | None
    error: TrainingError | None
    inputs: Inputs = field(repr=False)
    findings: tuple[Finding, ...]
    severe: frozenset[str]
    not_run: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def reached(self) -> int:
        """How many steps were done, the one that failed included."""
        return self.trace.number(len(self.trace.losses) - 1) + 1 if self.trace.losses else 0

    @cached_property
    def outputs(self) -> PerRow | None:
        """What it answers to the held-out rows. Only a comparison asks: to write texts takes long."""
        return None if self.trained is None else self.trained.form.outputs(self.inputs)


@dataclass(frozen=True)
class Patient:
    """A training that is looked at: the fit of its first part, and its held-out rows in two parts.

    proving, untouched: numbers among the held-out rows.
    """

    fit: NetworkFit
    interrupted: Callable[[], bool]
    train: Trainer
    metric: Metric | None
    target: PerRow
    weight: Array | None
    proving: Array = field(repr=False)
    untouched: Array = field(repr=False)


def patient_of(fit: NetworkFit, interrupted: Callable[[], bool], train: Trainer = alone) -> Patient:
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
        train=train,
        metric=registry.find("metrics", compared_by) if compared_by and target is not None and len(rows) > 2 else None,
        target=target,  # type: ignore[arg-type]
        weight=None if training.batch.weight is None else np.asarray(training.batch.weight)[rows],
        proving=proving,
        untouched=untouched,
    )


def trained_to(patient: Patient, candidate: Candidate, pause: Pause) -> Trial:
    """The training of a candidate up to where it pauses, is done, or fails."""
    fit = patient.fit.of(candidate)
    began, trace = time.monotonic(), Trace()
    choices = fit.choices()
    if fit.resumes:
        fit.tell_choices()
    trained, error = None, None
    try:
        trained = patient.train(fit, patient.interrupted, trace=trace, pause=pause)
    except TrainingError as failed:
        error = failed
    _, answered = fit.training.rows(fit.unit)
    inputs = fit.training.batch.inputs[answered]
    found, not_run = look(trace)
    severe = frozenset(each.condition for each in found if each.severity == "severe")
    seconds = time.monotonic() - began
    looked = tuple(attributed(found))
    return Trial(candidate, choices, trace, trained, error, inputs, looked, severe, tuple(not_run), seconds)


def edited(trial: Trial, edit: RecipeEdit) -> Candidate:
    """The candidate of a trial with one edit. All that was decided for it stays as it was, but for the learning rate of
    a training that begins anew, which is found anew where it was open: what suits one network suits no other.
    """
    chosen = trial.choices.chosen()
    part, key = edit.path.split(".")[0], edit.path.rsplit(".", 1)[1]
    if key != "later":
        chosen.pop("learning_rate", None)
    train, settings = {**trial.candidate.train, **chosen}, dict(trial.candidate.settings)
    if part == "train":
        train[key] = edit.after
    else:
        settings[key] = edit.after
    return trial.candidate.model_copy(update={"train": train, "settings": settings})


def from_step(trial: Trial, edit: RecipeEdit, step: int) -> RecipeEdit | None:
    """The edit as one that holds from a step to the end; None for what a training has to begin anew for.

    >>> edit = RecipeEdit("train.precision", "bfloat16", "float32", "more digits")
    >>> from_step(None, edit, 1200) is None
    True
    """
    key = edit.path.removeprefix("train.")
    if key not in STEERED or not isinstance(edit.after, int | float):
        return None
    before = [change.model_dump(exclude_none=True) for change in trial.choices.train.later]
    # What the recipe changes at that step or behind it would undo the edit.
    kept = [{k: v for k, v in each.items() if k != key or each["step"] < step} for each in before]
    changes = [each for each in [*kept, {"step": step, key: edit.after}] if len(each) > 1]
    after = sorted(changes, key=lambda each: each["step"])
    return RecipeEdit("train.later", before, after, f"from step {step:,} on, {edit.reason}")


def judge(
    patient: Patient, before: Trial, after: Trial, finding: Finding, edit: RecipeEdit, *, further: Pause | None = None
) -> Repair:
    """What becomes of an edit: kept under the four terms of `proof`, or taken back with the first that failed.

    further: where both trainings were begun anew and paused. A gain that is there, and not beyond chance in the rows of
    one part, is asked of the next part then, by both trained beside that one; of `MOST_PARTS` at most.
    """
    curves = {"before": _curve(before.trace), "after": _curve(after.trace)}
    repair = Repair(finding.condition, (edit,), False, "", model=before.candidate.label, losses=curves)
    new, seen = after.severe - before.severe, after.trained is not None and _seen(finding.condition, after.trace)
    pairs = [_Pair(patient, before, after)]
    while True:
        if pairs[-1].after.trained is None:
            return replace(repair, reason="taken back: its loss is not finite")
        told = proof.judged(repair, still_seen=seen, new=new, **_rows_of(pairs))
        if further is None or not _is_open(told) or len(pairs) == MOST_PARTS:
            return told
        following = _beside_the_next_part(pairs[-1].patient)
        if following is None:
            return told
        without, with_it = (trained_to(following, trial.candidate, further) for trial in (before, after))
        pairs.append(_Pair(following, without, with_it))


def _is_open(repair: Repair) -> bool:
    """Whether there is a gain that chance may have made."""
    effect = repair.effect
    return not repair.accepted and effect is not None and effect.low <= 0 < effect.value


def _beside_the_next_part(patient: Patient) -> Patient | None:
    """The same training beside the part of the rows that is held out next; None where there is no other."""
    unit = patient.fit.unit
    if unit.part + 1 > int(patient.fit.training.folds[unit.repeat].max()):
        return None
    return patient_of(replace(patient.fit, unit=replace(unit, part=unit.part + 1)), patient.interrupted, patient.train)


@dataclass(frozen=True)
class _Pair:
    """A training without an edit and with it, beside the same held-out rows."""

    patient: Patient
    before: Trial
    after: Trial

    @cached_property
    def old(self) -> PerRow:
        outputs = self.before.outputs
        return _simplest(self.patient) if outputs is None else outputs

    @cached_property
    def new(self) -> PerRow:
        assert self.after.outputs is not None, "it has answers to compare"
        return self.after.outputs


def _rows_of(pairs: list[_Pair]) -> dict[str, Any]:
    """What `proof.judged` asks for, of the rows of all pairs together."""
    patients = [pair.patient for pair in pairs]
    starts = np.cumsum([0, *(len(one.target) for one in patients)])
    first = patients[0]
    assert first.metric is not None, "an effect is read from a metric"

    def gain(rows: Array) -> proof.Gain:
        old, new = _joined([pair.old for pair in pairs]), _joined([pair.new for pair in pairs])
        weight = None if first.weight is None else _joined([one.weight for one in patients])
        return proof.gain(
            first.metric,  # type: ignore[arg-type]
            several.task_of(first.fit.training.work),
            _joined([one.target for one in patients])[rows],
            old[rows],
            new[rows],
            weight=None if weight is None else weight[rows],
            seed=first.fit.training.seed,
        )

    def numbers(which: Callable[[Patient], Array]) -> Array:
        return np.concatenate([which(one) + start for one, start in zip(patients, starts, strict=False)])

    return {
        "gain": gain,
        "proving": numbers(lambda one: one.proving),
        "untouched": numbers(lambda one: one.untouched),
    }


def _joined(several_parts: Sequence[Any]) -> Any:
    return several_parts[0] if len(several_parts) == 1 else np.concatenate(several_parts)


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
    finite = trace.finite_losses
    width = max(-(-len(finite) // DRAWN), 1)
    return tuple((trace.number(at * width), float(value)) for at, value in enumerate(smoothed(finite, width)))
