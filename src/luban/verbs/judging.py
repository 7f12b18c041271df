"""Judging: what conditions of answers look at, made of a fit. Held-out rows speak here, and test rows are not used.

What the conditions find joins the findings on the data: a fault of the data silences what it does to the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Array, Ragged, dense
from luban.core import registry
from luban.core.deadline import Deadline
from luban.core.seed import derive
from luban.data import loader, values
from luban.data.loader import sampled
from luban.evidence.attribution import attributed
from luban.evidence.finding import Finding
from luban.evidence.fits import Remarks, Stages
from luban.evidence.judgement import Beside, Design, Judgement, Runs, Slice, Told
from luban.protocols import Form, Metric
from luban.recipe.recipe import Candidate, Recipe
from luban.schema.schema import Schema
from luban.training import calibration, probing, search
from luban.training.choosing import Chosen, mixed
from luban.training.settings import settings
from luban.training.unit import Training, Unit
from luban.training.work_folder import WorkFolder
from luban.verbs import encoding, examine
from luban.verbs.preparing import Prepared
from luban.verbs.repairing import Examined

MOST = 20_000
"""Held-out rows that are sliced, at most."""
LEARNED = 2_000
"""Training rows that the model answers again, at most."""
FEW_VALUES = 10
"""Different numbers up to which each is a part of its own."""
MOST_VALUES = 50
"""Categories of a column that are looked at, the commonest ones."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A chosen model, and the rows that it was chosen on.

    training: as the model sees it. fitted: the form of a candidate that was fitted on training rows.
    constant: (held-out rows, outputs) what the simplest model says. repeats: how often rows were cut into folds.
    """

    prepared: Prepared
    examined: Examined
    training: Training
    folder: WorkFolder
    chosen: Chosen
    fitted: Callable[[Candidate], Form]
    constant: Any
    repeats: int

    def outputs(self, repeat: int) -> Any:
        """(held-out rows, outputs) what the model says of each row in a fold that held it out, before calibration."""
        rows, members = self.training.held_out(repeat), self.chosen.members
        return mixed(
            [member.weight for member in members],
            [search.held_out_outputs(self.folder, self.training, m.candidate, repeat=repeat)[rows] for m in members],
        )


def look(fit: Fit, until: Deadline) -> tuple[list[Finding], list[examine.NotRun]]:
    """What conditions of answers find in those of the chosen model, and which could not look."""
    if until.left() <= 0:
        return [], examine.out_of_time("answers", fit.prepared.task.name)
    told = _judgement(fit)
    return ([], []) if told is None else examine.findings(told, until)


def _judgement(fit: Fit) -> Judgement | None:
    """What is known of the chosen model's answers; None where an answer is a sequence."""
    prepared, training, chosen = fit.prepared, fit.training, fit.chosen
    target = training.batch.target
    if isinstance(target, Ragged) or isinstance(chosen.outputs, Ragged) or target is None:
        return None
    recipe, seed = prepared.recipe, derive(prepared.recipe.seed, "judging")
    held, members = training.held_out(0), [member.candidate for member in chosen.members]
    plain = dense(fit.outputs(0))
    outputs, folds, weight = plain, training.folds[0][held], training.batch.weight
    weight = None if weight is None else weight[held]
    if chosen.calibration is not None:
        method = chosen.calibration.method
        outputs = calibration.held_out(method, plain, target[held], folds, weight, seed=recipe.seed)
    numbers = encoding.rows_of(prepared)
    frame = loader.take(prepared.frame, numbers[held][:MOST])
    beside, why = _beside(fit, numbers[held])
    learned = sampled(_learned(training, members[0]), LEARNED, derive(seed, "learned"))
    form = chosen.form(fit.fitted)
    inputs = training.batch.inputs[learned]
    design = None
    if len(members) == 1:
        design = _design(prepared, members[0], numbers[learned], fit.fitted(members[0]), inputs, dense(target)[learned])
    return Judgement(
        task=prepared.task.name,
        classes=prepared.classes,
        model=chosen.label,
        held_out=Told(target[held], outputs),
        settings=_by_path(recipe, members),
        folds=folds,
        weight=weight,
        uncorrected=plain,
        train=Told(target[learned], dense(form.outputs(inputs))),
        constant=fit.constant,
        beside=beside,
        slices=slices(frame, prepared.schema, len(held)),
        runs=_runs(fit),
        remarks={candidate.label: _remarks(fit.folder, training, candidate) for candidate in members},
        design=design,
        seed=recipe.seed,
        why=why,
    )


def found_with(
    data: Sequence[Finding], repaired: frozenset[str], answers: Sequence[Finding]
) -> tuple[list[Finding], list[Finding]]:
    """The findings on the data and those on the answers, without symptoms of faults of the data that are left."""
    known = registry.names("conditions")
    there = [each for each in data if each.condition in known and each.condition not in repaired]
    told = attributed([*there, *answers])
    causes = {(each.condition, each.where): each for each in told}
    left = [each for each in told if (each.condition, each.where) not in {(d.condition, d.where) for d in there}]
    return [causes.get((each.condition, each.where), each) for each in data], left


def _learned(training: Training, candidate: Candidate) -> Array:
    """Numbers of the rows that the candidate's model was fitted on."""
    fitted, _ = training.rows(Unit(candidate, training.ships(candidate)))
    return np.flatnonzero(fitted)


def _beside(fit: Fit, rows: Array) -> tuple[Beside | None, Mapping[str, str]]:
    """What the quick models of the examination say of held-out rows, by their numbers in the table; or why not."""
    examination, within = fit.examined.examination, fit.prepared.division.within
    if examination is None:
        return None, {"beside": "the time for examining was over, so there are no quick models to compare with"}
    if within in ("group", "time"):
        told = "rows share groups" if within == "group" else "rows have an order in time"
        return None, {"beside": f"{told}, and quick models were not held out so"}
    try:
        probe = probing.out_of_fold(examination)
    except ValueError as reason:
        return None, {"beside": str(reason)}
    probed = examination.train_rows[probe.rows]
    _, places, from_probe = np.intersect1d(rows, probed, return_indices=True)
    return Beside(places, probe.outputs[from_probe].reshape(len(places), -1)), {}


def _runs(fit: Fit) -> Runs | None:
    """The scores of the model by each cut into folds; None where rows were cut once."""
    if fit.repeats < 2:
        return None
    task, training, chosen = fit.prepared.task, fit.training, fit.chosen
    metric: Metric = registry.find("metrics", fit.prepared.recipe.train.metric or task.compared_by)
    target, scores = dense(training.batch.target), []
    for repeat in range(fit.repeats):
        outputs = dense(fit.outputs(repeat))
        outputs = outputs if chosen.calibration is None else dense(chosen.calibration.apply(outputs))
        rows = training.held_out(repeat)
        scores.append(metric.score(target[rows], task.answers(outputs, chosen.threshold)))
    simplest = metric.score(target[training.held_out(0)], task.answers(fit.constant))
    return Runs(metric.name, tuple(scores), simplest)


def _remarks(folder: WorkFolder, training: Training, candidate: Candidate) -> Remarks:
    """What the fit that answers told of its end, and how the loss of those of the folds went, on average."""
    folds = range(int(training.folds[0].max()) + 1)
    told = [folder.remarks(Unit(candidate, fold)).stages for fold in folds]
    stages = [each for each in told if each is not None]
    ended = folder.remarks(Unit(candidate, training.ships(candidate))).endings
    if not stages or len({len(each.rounds) for each in stages}) > 1:
        return Remarks(ended)

    def mean(lines: Sequence[Sequence[float]]) -> tuple[float, ...]:
        return tuple(np.mean(lines, axis=0).tolist())

    names = stages[0].metrics
    doubted = stages[0].doubts if all(each.doubts for each in stages) else ()
    whole = Stages(
        stages[0].rounds,
        mean([each.held_out for each in stages]),
        mean([each.train for each in stages]),
        {name: mean([each.metrics[name] for each in stages]) for name in names},
        {name: _shared([each.doubts[name] for each in stages]) for name in doubted},
    )
    return Remarks(ended, whole)


def _shared(covariances: Sequence[Sequence[Sequence[float]]]) -> tuple[tuple[float, ...], ...]:
    """Of the mean over folds: independent means of k folds vary k times less than one."""
    found = np.mean(covariances, axis=0) / len(covariances)
    return tuple(map(tuple, found.tolist()))


def _design(
    prepared: Prepared, candidate: Candidate, rows: Array, form: Form, inputs: Any, target: Array
) -> Design | None:
    """The number columns of a linear model; None for another model."""
    told = settings(candidate).model_dump() if registry.find("models", candidate.model).trainer == "estimator" else {}
    if not {"penalty", "C"} <= told.keys():
        return None
    columns = [column.name for column in prepared.schema.inputs if column.kind == "number"]
    frame = loader.take(prepared.frame, rows, columns) if columns else pl.DataFrame()
    numbers = np.stack([_filled(values.floats(frame[name])) for name in columns], axis=1) if columns else None
    standard = np.zeros((len(rows), 0)) if numbers is None else probing.standardised(numbers)
    varies = standard.std(axis=0) > 0
    names = tuple(name for name, kept in zip(columns, varies, strict=True) if kept)
    penalty = 0.0 if told["penalty"] == "none" else 1.0 / told["C"]
    path = f"model.{candidate.model}.penalty"
    return Design(names, standard[:, varies], penalty, target, dense(form.outputs(inputs)), path, told["penalty"])


def _filled(numbers: Array) -> Array:
    """The numbers, with their median where one is missing."""
    known = np.isfinite(numbers)
    return np.where(known, numbers, np.median(numbers[known]) if known.any() else 0.0)


def slices(frame: pl.DataFrame, schema: Schema, rows: int) -> tuple[Slice, ...]:
    """The parts of rows that single columns make. rows: how many there are; those behind the frame's are in no part."""
    found: list[Slice] = []

    def add(column: str, what: str, inside: pl.Series | Array) -> None:
        mask = np.zeros(rows, dtype=bool)
        mask[: len(frame)] = np.asarray(inside)
        found.append(Slice(column, what, mask))

    for column in schema.columns:
        if column.name not in frame.columns or column.role not in ("input", "group"):
            continue
        held = frame[column.name]
        if held.null_count():
            add(column.name, f"'{column.name}' is missing", held.is_null())
        if column.kind == "number":
            _of_numbers(column.name, values.floats(held), add)
        elif column.kind in ("category", "boolean") or column.role == "group":
            texts = held.cast(pl.String, strict=False)
            commonest = texts.drop_nulls().value_counts(sort=True).head(MOST_VALUES)
            for value in commonest[texts.name].to_list():
                add(column.name, f"'{column.name}' is '{value}'", (texts == value).fill_null(value=False))
    return tuple(found)


def _of_numbers(name: str, numbers: Array, add: Callable[[str, str, Array], None]) -> None:
    """Numbers of few values are classes by another name. Ranges of others are none: there classes overlap by nature."""
    different = np.unique(numbers[np.isfinite(numbers)])
    for value in different if len(different) <= FEW_VALUES else ():
        add(name, f"'{name}' is {value:g}", numbers == value)


def _by_path(recipe: Recipe, members: Sequence[Candidate]) -> dict[str, Any]:
    """The JSON values of the recipe by path, and all settings of the models that answer."""
    document = recipe.model_dump(mode="json")
    found = {f"{part}.{key}": value for part in ("train", "features", "split") for key, value in document[part].items()}
    found["model.names"] = document["model"]["names"]
    for candidate in members:
        for key, value in settings(candidate).model_dump(mode="json").items():
            found[f"model.{candidate.model}.{key}"] = value
    return found
