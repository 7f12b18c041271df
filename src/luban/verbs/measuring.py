"""Measuring the chosen model: its figures on test rows, and on held-out training rows.

What a figure is, is in `training`; how a bundle that is there is measured, in `remeasuring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from luban import spans
from luban.batch import Answers, Array, PerRow, Ragged, dense
from luban.core import registry
from luban.core.seed import derive
from luban.data import loader
from luban.evidence.measurement import Measurement, Part
from luban.protocols import Form, Metric, Task
from luban.runtime.answering import Answering
from luban.training import conformal, search
from luban.training.choosing import Chosen, mixed
from luban.training.measuring import measure
from luban.training.unit import Training
from luban.training.work_folder import WorkFolder
from luban.verbs import encoding, forecasts, picturing, texts
from luban.verbs.answering import COPIED
from luban.verbs.preparing import Prepared

TEXTS, TAGS, PIECES, PAIRS = "sequence-to-sequence", "tagging", "question-answering", "similarity"


@dataclass(frozen=True)
class Tested:
    """The figures on test rows, and what is drawn of them. coverage: of the conformal intervals or sets.

    answers, target: to and of the test rows.
    """

    measurements: tuple[Measurement, ...]
    pictures: Mapping[str, Any]
    coverage: Measurement | None
    answers: Answers
    target: PerRow


def figures(
    task: Task,
    asked: str | None,
    target: PerRow,
    answers: Answers,
    baseline: tuple[str, Answers] | None,
    split: Part,
    *,
    weight: Array | None = None,
    groups: Array | None = None,
    seed: int = 0,
) -> list[Measurement]:
    """Every metric of the task that is defined on these rows, the asked one among them; then those of each target, on
    the rows that have it.
    """
    names = [*task.metrics, *([asked] if asked and asked not in task.metrics else [])]
    found: list[Measurement] = []
    for name in names:
        metric: Metric = registry.find("metrics", name)
        if np.isfinite(metric.score(target, answers, weight)):
            found.append(
                measure(
                    metric, target, answers,
                    weight=weight, groups=groups, split=split, baseline=baseline, seed=derive(seed, "interval", name),
                )
            )  # fmt: skip
    for place, (each, own) in enumerate(zip(getattr(task, "targets", ()), answers.parts, strict=True)):
        codes = dense(target)[:, place]
        known = np.isfinite(codes)
        if not known.any():
            continue
        simplest = None if baseline is None else (each.task.baseline, baseline[1].parts[place].take(known))
        of_target = figures(
            each.task, None, codes[known].astype(np.int64 if each.classes else np.float64), own.take(known), simplest,
            split, weight=None if weight is None else weight[known], groups=None if groups is None else groups[known],
            seed=derive(seed, "target", each.name),
        )  # fmt: skip
        found += [replace(measurement, target=each.name) for measurement in of_target]
    return found


def tested(
    prepared: Prepared, training: Training, answer: Answering, baseline: tuple[str, PerRow], chosen: Chosen
) -> Tested:
    """The figures on the test rows, which are used here for the first and only time.

    training: as the chosen model sees it. baseline: the simplest model, and (test rows, outputs) what it says of them.
    """
    numbers = training.test
    rows = training.batch.take(numbers)
    assert rows.target is not None, "test rows have a target"
    outputs = answer(rows.inputs)
    answers = prepared.task.answers(outputs, chosen.threshold)
    groups = groups_of(prepared)
    measurements = figures(
        prepared.task,
        prepared.recipe.train.metric,
        rows.target,
        answers,
        (baseline[0], prepared.task.answers(baseline[1])),
        "test",
        weight=rows.weight,
        groups=None if groups is None else groups[numbers],
        seed=prepared.recipe.seed,
    )
    coverage = None
    if chosen.conformal is not None and chosen.conformal.kind == "steps":
        coverage = conformal.covered_steps(chosen.conformal, answers, dense(rows.target))
    elif chosen.conformal is not None:
        coverage = chosen.conformal.coverage(dense(outputs), dense(rows.target))
    if prepared.task.name == "forecasting":
        frame = loader.take(prepared.frame, encoding.test_rows(prepared))
        pictures = forecasts.pictures(prepared.schema, frame, dense(rows.target), answers, chosen.conformal)
    elif prepared.task.name in (TEXTS, TAGS):
        frame = loader.take(prepared.frame, encoding.test_rows(prepared))
        pictures = texts.pictures(prepared.schema, frame, rows.target, answers, prepared.classes)
    elif prepared.task.name == PIECES:
        frame = loader.take(prepared.frame, encoding.test_rows(prepared))
        assert isinstance(rows.target, Ragged), "answers are pieces of texts"
        pictures = texts.pictures(prepared.schema, frame, spans.pieces(rows.target), answers, read="question")
    else:
        pictures = picturing.pictures(prepared.task, prepared.classes, rows.target, answers)
    return Tested(tuple(measurements), pictures, coverage, answers, rows.target)


def said_of_all(prepared: Prepared, outputs: PerRow, simplest: Form) -> list[Any]:
    """(outputs,) what the simplest model says of every row; of forecasts what it adds to the last season, scaled.

    Of tags the code that it gives each word, by the word's number; of pieces of a text how many words they have,
    and which are too common; of pairs of texts a scale, an offset, and the tokens that are too common; nothing where
    it says what it reads. outputs: (test rows, outputs) of that model.
    """
    if prepared.task.name == TAGS:
        return [int(code) for code in simplest.state().arrays["codes"]]
    if simplest.kind == COPIED:
        return []
    if prepared.task.name == PIECES:
        told = simplest.state().values
        return [told["words"], *told["common"]]
    if prepared.task.name == PAIRS:
        told = simplest.state().values
        return [told["scale"], told["offset"], *told["common"]]
    if prepared.task.name != "forecasting":
        # Of a sequence the values of its steps, one after the other.
        first = outputs[np.array([0])]
        if isinstance(first, Ragged):
            return first.texts() if prepared.task.name == TEXTS else first.values.ravel().tolist()
        return [float(value) for value in first[0]]
    first = loader.take(prepared.frame, encoding.test_rows(prepared)[:1])
    return forecasts.beyond_season(first, prepared.recipe, dense(outputs)[0])


def cross_validated(
    prepared: Prepared, training: Training, folder: WorkFolder, chosen: Chosen, partitions: int
) -> list[Measurement]:
    """The figures on held-out training rows: the mean over the partitions into folds, of values and bounds alike."""
    every = []
    for repeat in range(partitions):
        rows = training.held_out(repeat)
        outputs = mixed(
            [member.weight for member in chosen.members],
            [search.held_out_outputs(folder, training, m.candidate, repeat=repeat)[rows] for m in chosen.members],
        )
        if chosen.calibration is not None:
            outputs = chosen.calibration.apply(outputs)
        target, weight = training.batch.target, training.batch.weight
        assert target is not None, "held-out rows have a target"
        groups = groups_of(prepared)
        every.append(
            figures(
                prepared.task,
                prepared.recipe.train.metric,
                target[rows],
                prepared.task.answers(outputs, chosen.threshold),
                None,
                "validation",
                weight=None if weight is None else weight[rows],
                groups=None if groups is None else groups[rows],
                seed=prepared.recipe.seed,
            )
        )
    return [_mean([m for each in every for m in each if m.name == first.name], prepared) for first in every[0]]


def _mean(measurements: list[Measurement], prepared: Prepared) -> Measurement:
    first = measurements[0]
    value, low, high = (
        float(np.mean([getattr(each, part) for each in measurements])) for part in ("value", "low", "high")
    )
    if prepared.validation is not None:
        how = f"on the validation rows that were given; {first.how}"
    else:
        count = prepared.recipe.split.folds
        how = f"{len(measurements)} x {count}-fold cross-validation, mean of the partitions; {first.how}"
    return replace(first, value=value, low=low, high=high, how=how)


def groups_of(prepared: Prepared) -> Array | None:
    """(encoded rows,) the group of each, where rows share one."""
    groups = prepared.division.groups
    return None if groups is None else groups[encoding.rows_of(prepared)]
