"""Language models: one is learned from raw text, and measured once on documents that were held out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from luban.core.console import Console
from luban.core.deadline import Deadline
from luban.core.errors import ResourceError, TrainingError, UsageError
from luban.data.dataset import Dataset
from luban.evidence.measurement import Measurement
from luban.recipe.recipe import Candidate, Recipe
from luban.runtime import layouts
from luban.training import candidates, packing, search, sizing
from luban.training.pool import Pool
from luban.training.unit import WHOLE, Training, Unit
from luban.training.work_folder import WorkFolder
from luban.training.worker import fit_unit
from luban.verbs import corpus, drift, ending, exporting, forgetting, measuring, standing, stating, trainings, writing
from luban.verbs.preparing import Prepared

FILLS = "masked-lm"
"""The task of which no model writes texts that could be forgotten."""
_TITLE = "learning texts"
_SMALLER = "give it more --memory, take a smaller model, or shorten what it reads: --set features.longest=128"
_LATE = "the time was over before it was finished"


def make(
    prepared: Prepared,
    training: Training,
    folder: WorkFolder,
    pool: Pool,
    until: Deadline,
    console: Console,
    *,
    seconds: float | None = None,
    deadline: Deadline = Deadline.NEVER,
    remember: Dataset | None = None,
    look_until: Deadline = Deadline.NEVER,
) -> writing.Made:
    """The language model of the training documents, and its figures on the others, beside those of counts of tokens.

    seconds: the wall time of the run, which is over at the deadline. until: when the training ends, where it is not
    known what follows. remember: raw texts that one for chats should not forget; None for its own.
    look_until: when it is too late to look at what was forgotten.
    """
    corpus.refuse(prepared, training)
    simple, asked = _asked(prepared, training, folder, console, seconds)
    reader = None if simple == asked else _reader(prepared, training, simple)
    ground = standing.Ground(prepared, training, folder, simple, reader, remember)
    learned = _learned(ground, asked, pool, until, console, seconds=seconds, deadline=deadline, look_until=look_until)
    return _made(ground, learned, look_until, console)


@dataclass(frozen=True)
class _Learned:
    """What was trained. answering: the candidate that answers from now on, and the reason. looked: those that a worker
    fitted. stood: what stands beside it, where it was asked before. ended: when the training did.
    """

    answering: Candidate
    reason: str
    looked: Sequence[Candidate]
    late: list[dict[str, Any]]
    stood: standing.Stood | None
    foretold: ending.Ending | None
    ended: float


def _learned(
    ground: standing.Ground,
    asked: Candidate,
    pool: Pool,
    until: Deadline,
    console: Console,
    *,
    seconds: float | None,
    deadline: Deadline,
    look_until: Deadline,
) -> _Learned:
    """Trains what was asked for, and the simplest model."""
    simple, folder = ground.simple, ground.folder
    units = [Unit(candidate, WHOLE) for candidate in ([asked] if simple == asked else [simple, asked])]
    stood = foretold = None
    if seconds is not None and simple != asked:
        # What stands beside the model is asked first where time is short: then it is known what is still to come.
        search.run_each(_TITLE, units[:1], pool, until, console, search.allowed(until, pool.size))
        stood, foretold = _foretold(ground, asked, look_until, seconds, console)
        until = deadline.earlier(foretold.within(seconds))
    search.run_each(_TITLE, units, pool, until, console, search.allowed(until, pool.size))
    # They hold memory while they wait, and what answers next is large.
    pool.rest()
    ended = time.monotonic()
    _simplest(folder, ground.training, simple)
    _refuse_failed(units, folder)
    looked = [unit.candidate for unit in units]
    if folder.finished(Unit(asked, WHOLE)):
        return _Learned(asked, "the one that was asked for", looked, [], stood, foretold, ended)
    late = [{**_line(asked), "status": "skipped", "reason": _LATE}]
    instead = "counts of tokens answer" if standing.counts(ground.prepared, simple) else "the model as it was answers"
    told = f"{asked.label}: {_LATE}, so {instead}; it needs more --time"
    return _Learned(simple, told, looked, late, stood, foretold, ended)


def _made(ground: standing.Ground, learned: _Learned, look_until: Deadline, console: Console) -> writing.Made:
    """What a bundle keeps of a language model, measured on held-out texts beside the simplest one."""
    prepared, training, folder = ground.prepared, ground.training, ground.folder
    simple, answering = ground.simple, learned.answering
    seed, forgotten = prepared.recipe.seed, forgetting.Forgotten(not_run=_unasked(ground))
    beside = kept = None
    if simple != answering:
        # One after the other: a large model is in memory once.
        stood = learned.stood or ground.stood(look_until)
        beside, kept = (simple.model, stood.answers), stood.kept
    form = folder.form(Unit(answering, WHOLE))
    answers = ground.answers(answering, form)
    own = folder.actual(Unit(answering, WHOLE)).candidate
    recipe = search.recorded(prepared.recipe, [own], folder, training)
    if ground.reader is not None and simple != answering:
        forgotten = forgetting.after(
            ground.reader, form, kept, look_until, model=own.label, rate=_rate(recipe), seed=seed
        )
    target = corpus.sizes(prepared)
    measurements = measuring.figures(
        prepared.task, prepared.recipe.train.metric, target, answers, beside, "test",
        groups=standing.groups_of(prepared), seed=seed,
    )  # fmt: skip
    counted = standing.counted_beside(ground, target, answering, answers)
    exported = exporting.export(form, training.seen_by(answering))
    looked = trainings.looked(folder, learned.looked, [own])
    evaluation = {
        **_evaluation(prepared, own, learned.reason, (*measurements, *forgotten.measurements), counted),
        "corpus": corpus.told(training, answering, int(target.sum())),
    }
    return writing.Made(
        recipe=recipe,
        encoder=prepared.encoder(training.view(answering)).state(),
        form=form,
        runtime=exported.data,
        facts={"task": prepared.task.name, "target": None, "classes": []},
        evaluation=evaluation,
        unfinished=learned.late,
        evidence={
            "runtime": exported.to_json(),
            **drift.kept(prepared),
            **_became(learned.foretold, learned.ended, console),
        },
        findings=(*looked.findings, *forgotten.findings),
        repairs=looked.repairs,
        not_run=(*looked.not_run, *forgotten.not_run),
        layout=layouts.of(form, prepared.tensors.parts[0].state if prepared.tensors is not None else None),
    )


def _evaluation(
    prepared: Prepared,
    own: Candidate,
    reason: str,
    measurements: Sequence[Measurement],
    counted: standing.Counted | None,
) -> dict[str, Any]:
    """What was asked, decided and measured, as the evidence states it. own: what answers, and the reason.

    counted: what counts of the same tokens say beside it, where they were asked.
    """
    document = {
        **stating.question(prepared),
        "metric": prepared.recipe.train.metric or prepared.task.compared_by,
        "measurements": [each.to_json() for each in measurements],
    }
    if counted is None:
        return {**document, "candidates": [_line(own)], "chosen": stating.only(own, reason)}
    return {
        **document,
        "candidates": [_line(own), counted.line()],
        "chosen": stating.only(own, f"{reason}; {counted.reason}"),
        "beside": [counted.figure.to_json()],
    }


def _foretold(
    ground: standing.Ground, asked: Candidate, look_until: Deadline, seconds: float, console: Console
) -> tuple[standing.Stood, ending.Ending]:
    """What stands beside the model, and what will follow its training."""
    _simplest(ground.folder, ground.training, ground.simple)
    _refuse_failed([Unit(ground.simple, WHOLE)], ground.folder)
    stood = ground.stood(look_until, seconds)
    found = ground.foretold(asked, stood)
    console.say(found.told(seconds))
    return stood, found


def _became(foretold: ending.Ending | None, since: float, console: Console) -> dict[str, Any]:
    """What followed the training up to here, beside what was foretold, as evidence; none where nothing was."""
    if foretold is None:
        return {}
    told = foretold.to_json(time.monotonic() - since)
    console.say(f"what follows took {told['became']:.1f} s, before it is written; {told['seconds']:.1f} were foretold")
    return {"ending": told}


def _simplest(folder: WorkFolder, training: Training, simple: Candidate) -> None:
    """However little time there was, there is a usable bundle: counting takes a moment, and no worker."""
    if not folder.finished(Unit(simple, WHOLE)):
        fit_unit(folder, training, Unit(simple, WHOLE), threads=1)


def _refuse_failed(units: Sequence[Unit], folder: WorkFolder) -> None:
    for unit in units:
        reason = folder.failure(unit)
        if not reason:
            continue
        if reason.startswith(ResourceError.__name__):
            raise ResourceError(f"{unit.candidate.label}: {reason.partition(': ')[2]}", fix=_SMALLER)
        raise TrainingError(f"{unit.candidate.label}: {reason[:500]}", fix="a smaller size may do")


def _asked(
    prepared: Prepared, training: Training, folder: WorkFolder, console: Console, seconds: float | None
) -> tuple[Candidate, Candidate]:
    """What every language model stands beside, counts of tokens or the model as it was, and the one that was asked for.

    seconds: the wall time of the run, or None without a limit.
    """
    asked = candidates.asked(prepared.recipe.model, training.work, tensor_work=training.tensor_work)
    if len(asked) != 1:
        raise UsageError(
            f"one language model is trained at a time, and {len(asked)} were named.",
            where="--model",
            fix=f"--model {asked[-1].model}",
        )
    about = prepared.recipe.model.settings().get(prepared.task.baseline, {})
    found = sizing.sized(asked[0], training, seconds)
    if found.choices:
        console.say(f"{found.candidate.label}: {found.reason}")
        reasons = dict.fromkeys(found.choices, found.reason)
        told = {"label": found.candidate.label, "choices": dict(found.choices), "reasons": reasons}
        folder.tell({"unit": Unit(found.candidate, WHOLE).name, **told})
    simple = Candidate(model=prepared.task.baseline, settings=about)
    if packing.packs(prepared.task.name):
        simple = standing.as_it_was(found.candidate) or simple
    return simple, found.candidate


def _reader(prepared: Prepared, training: Training, simple: Candidate) -> forgetting.Reader | None:
    """What reads raw texts that may be forgotten; None where what stands beside the model knows none."""
    if standing.counts(prepared, simple) or prepared.task.name == FILLS or prepared.tensors is None:
        return None
    ((name, _),) = training.seen_by(simple).work.shapes.items()
    return forgetting.Reader(name, prepared.tensors.parts[0].state, prepared.task.name)


def _unasked(ground: standing.Ground) -> tuple[tuple[str, str], ...]:
    """Why nobody looks at what a model that goes on forgot; nothing where it begins from none, or it is looked at."""
    if ground.reader is not None or standing.counts(ground.prepared, ground.simple):
        return ()
    return ((forgetting.CONDITION, "the texts that it was trained on before are not there, and it writes none itself"),)


def _rate(recipe: Recipe) -> Any:
    """The learning rate of the one model that was trained."""
    (candidate,) = recipe.model.candidates or ()
    return candidate.train.get("learning_rate", recipe.train.learning_rate)


def _line(candidate: Candidate) -> dict[str, Any]:
    return {
        "label": candidate.label,
        "model": candidate.model,
        "settings": candidate.settings,
        "value": None,
        "status": "finished",
        "reason": "learned all training documents",
    }
