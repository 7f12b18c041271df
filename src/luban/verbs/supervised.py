"""With a target: models are searched, what is found in their answers is mended, and test rows are answered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from luban.batch import PerRow
from luban.core import registry
from luban.core.seed import derive
from luban.evidence.measurement import Measurement
from luban.models._begun import UNTOUCHED
from luban.protocols import Encoder, Form, State
from luban.recipe.recipe import Candidate
from luban.runtime import layouts
from luban.training import candidates, question, search, simplest
from luban.training.limits import Limits
from luban.training.measuring import measure
from luban.training.unit import by_gradient
from luban.verbs import (
    drift,
    exporting,
    measuring,
    mending,
    searching,
    shuffling,
    standing,
    stating,
    trainings,
    writing,
)
from luban.verbs.measuring import Tested
from luban.verbs.preparing import Prepared
from luban.verbs.searching import Ground, Searched


@dataclass(frozen=True, eq=False)
class _Baseline:
    """The simplest model, by its name. said: its outputs for the test rows."""

    name: str
    form: Form
    said: PerRow


def make(ground: Ground, allowed: Limits, ask: mending.Ask | None) -> writing.Made:
    """The model of a task with a target, and what was measured of it."""
    prepared, training, folder = ground.prepared, ground.training, ground.folder
    recipe = prepared.recipe
    everything = recipe.train.refit == "all"
    simple = simplest.baseline(prepared.task, recipe.train.metric or prepared.task.compared_by, training)
    asked = _asked(ground, simple, allowed)
    mended = mending.mend(ground, searching.searched(ground, recipe, asked), ask)
    found = mended.now
    chosen, members, fitted = found.chosen, found.members, ground.fitted
    seen = training.seen_by(members[0])

    measured = chosen.form(fitted)
    form = chosen.form(lambda candidate: fitted(candidate, everything=True)) if everything else measured
    exported = exporting.export(form, seen)
    answering = exported if not everything else exporting.export(measured, seen)
    answer = exporting.answering_of(answering, measured, seen)
    constant = fitted(asked[0])
    said = constant.outputs(training.seen_by(asked[0]).batch.inputs[training.test])
    baseline = _Baseline(simple, constant, said)
    tested = measuring.tested(prepared, seen, answer, (simple, said), chosen)
    validated = measuring.cross_validated(prepared, training, folder, chosen, found.repeats)
    encoder = prepared.encoder(training.view(members[0]))
    importance = shuffling.importance(prepared, encoder, answer, chosen, allowed.deadline)
    looked = trainings.looked(folder, found.asked, members)
    assert training.batch.target is not None, "rows are held out to be compared with a target"
    held_out = prepared.task.answers(chosen.outputs, chosen.threshold), training.batch.target[training.held_out(0)]
    before = _as_it_was(ground, found, tested)
    lines = [outcome.to_json(score) for outcome, score in zip(found.outcomes, found.scores, strict=True)]
    finished = [outcome.candidate for outcome in found.outcomes[1:] if outcome.status == "finished"]
    return writing.Made(
        recipe=search.recorded(found.recipe, finished, folder, training),
        encoder=encoder.state(),
        form=form,
        runtime=exported.data,
        layout=layouts.of(form, _cutting(encoder)),
        facts=_facts(prepared, found, baseline),
        evaluation=_evaluation(prepared, found, tested, [*tested.measurements, *validated], lines, before),
        unfinished=[line for line in lines if line["status"] != "finished"],
        evidence={
            "importance": importance, "runtime": exported.to_json(), **drift.kept(prepared, tested, held_out),
        },
        findings=(*exporting.findings(exported, members), *looked.findings, *mended.cured),
        repairs=(*mended.repairs, *looked.repairs),
        judged=found.judged,
        not_run=(*found.not_run, *looked.not_run),
    )  # fmt: skip


def _asked(ground: Ground, simple: str, allowed: Limits) -> list[Candidate]:
    """The candidates, the baseline first, each in a size for the rows and the time."""
    models, training = ground.prepared.recipe.model, ground.training
    asked = candidates.asked(models, training.work, simple, tensor_work=training.tensor_work)
    asked = [searching.in_size(ground, candidate, allowed.seconds) for candidate in asked]
    if allowed.workers > 1 and not any(map(by_gradient, asked)):
        ground.console.say(
            f"--workers {allowed.workers} changes nothing here: it trains networks, and no model here is one"
        )
    return asked


def _as_it_was(ground: Ground, found: Searched, tested: Tested) -> Measurement | None:
    """What the pretrained model said of the test rows before it learned more, beside what answers; None where no
    pretrained model answers that goes on with its own task.
    """
    prepared, (own, *others) = ground.prepared, found.members
    asked = [each.candidate for each in found.outcomes if each.status == "finished"]
    before = next((each for each in asked if each.model == UNTOUCHED), None)
    if others or before is None or standing.as_it_was(own) is None:
        return None
    outputs = ground.fitted(before).outputs(ground.training.seen_by(before).batch.inputs[ground.training.test])
    groups = measuring.groups_of(prepared)
    return measure(
        registry.find("metrics", prepared.task.compared_by), tested.target, prepared.task.answers(outputs),
        groups=None if groups is None else groups[ground.training.test], split="test",
        baseline=(own.model, tested.answers), seed=derive(prepared.recipe.seed, "interval", "before"),
    )  # fmt: skip


def _cutting(encoder: Encoder) -> State | None:
    """How a tokenizer that was given cuts texts; None where there is none."""
    from luban.data.tensor_preprocessor import TensorPreprocessor

    parts = encoder.parts if isinstance(encoder, TensorPreprocessor) else ()
    return next((part.state for part in parts if "tokenizer" in part.state.arrays), None)


def _facts(prepared: Prepared, found: Searched, baseline: _Baseline) -> dict[str, Any]:
    """What the bundle has to know to answer, beside its form."""
    task, chosen = prepared.task, found.chosen
    facts: dict[str, Any] = {
        "task": task.name,
        "target": stating.named(found.recipe.targets),
        "classes": list(prepared.classes),
        "baseline": measuring.said_of_all(prepared, baseline.said, baseline.form),
    }
    if targets := question.targets_to_json(task):
        facts["targets"] = targets
    if baseline.name != task.baseline:
        facts["baseline_model"] = baseline.name
    if chosen.threshold is not None:
        facts["threshold"] = chosen.threshold
    if chosen.conformal:
        facts["conformal"] = chosen.conformal.to_json()
    return facts


def _evaluation(
    prepared: Prepared,
    found: Searched,
    tested: Tested,
    measurements: Sequence[Measurement],
    lines: Sequence[dict[str, Any]],
    before: Measurement | None,
) -> dict[str, Any]:
    """What was asked, decided and measured, as the evidence states it. lines: of the candidates. before: of the
    pretrained model as it was.
    """
    evaluation = {
        **stating.question(prepared),
        "metric": found.recipe.train.metric or prepared.task.compared_by,
        "measurements": [measurement.to_json() for measurement in measurements],
        # What did not finish has no part in the bundle, so that fitting its recipe again gives the same one.
        "candidates": [line for line in lines if line["status"] == "finished"],
        **stating.answering(found.chosen, before),
        **tested.pictures,
        **stating.decided(found.chosen, tested),
    }
    if prepared.recipe.train.refit == "all":
        evaluation["refit"] = "the final model was fitted on test rows too; the score is of the one without"
    return evaluation
