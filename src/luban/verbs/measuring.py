"""Measuring: the figures of a model on rows, and the pictures that go with them. What a figure is, is in `training`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, dense, joined
from luban.core import registry
from luban.core.console import SILENT, Console
from luban.core.deadline import Deadline
from luban.core.errors import DataError
from luban.core.seed import derive
from luban.data import loader, values
from luban.data.open import open_dataset
from luban.evidence.measurement import Measurement, Part
from luban.protocols import Encoder, Form, Metric, Tagging, Task
from luban.runtime.answering import Answering
from luban.training import conformal, search
from luban.training import importance as permuting
from luban.training.choosing import Chosen, mixed
from luban.training.measuring import measure
from luban.training.work_folder import Training, WorkFolder
from luban.verbs import encoding, forecasts, tags, texts
from luban.verbs.bundle import Bundle
from luban.verbs.preparing import Given, Prepared, prepare, sampled, weights

if TYPE_CHECKING:
    import polars as pl

    from luban.verbs.answering import Answerer

EXPLAINED = 2_000
"""Test rows by which the importance of columns is measured, at most."""
IMPORTANCE_SECONDS = 5.0
"""CPU seconds for it: of slow models and many columns fewer rows are shuffled, and at least 50."""
DRAWN = 500
"""Points of the residual picture, at most."""
MEASURED = 200_000
"""Rows given to be measured that are looked at, at most: all are answered, and memory stays flat."""
BINS = 10
"""Bars of the calibration curve, with equally many rows each."""
TEXTS, TAGS = "sequence-to-sequence", "tagging"
DISCRETE = ("binary", "multiclass")


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


@dataclass(frozen=True)
class Rows:
    """Rows with a known target, and what a model said about them. name: of the data.

    simplest: what the simplest model says about them, where that is not the same for all.
    weight, groups: (rows,) or None, as training read them. of: of how many these are a sample, or None for all.
    """

    name: str
    answers: Answers
    target: PerRow
    dropped: Mapping[str, int]
    simplest: Answers | None = None
    weight: Array | None = None
    groups: Array | None = None
    of: int | None = None

    def told(self, found: list[Measurement]) -> list[Measurement]:
        """The figures, saying so where they are those of a sample."""
        if self.of is None:
            return found
        return [replace(m, how=f"on a sample of {m.rows:,} of {self.of:,} rows; {m.how}") for m in found]


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


def tested(prepared: Prepared, training: Training, answer: Answering, baseline: PerRow, chosen: Chosen) -> Tested:
    """The figures on the test rows, which are used here for the first and only time.

    training: as the chosen model sees it. baseline: (test rows, outputs) what the simplest model says of them.
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
        (prepared.task.baseline, prepared.task.answers(baseline)),
        "test",
        weight=rows.weight,
        groups=None if groups is None else groups[numbers],
        seed=prepared.recipe.seed,
    )
    coverage = None
    if chosen.conformal is not None and chosen.conformal.kind == "steps":
        coverage = conformal.covered_steps(chosen.conformal, answers, rows.target)
    elif chosen.conformal is not None:
        coverage = chosen.conformal.coverage(outputs, rows.target)
    if prepared.task.name == "forecasting":
        frame = loader.take(prepared.frame, encoding.test_rows(prepared))
        pictures = forecasts.pictures(prepared.schema, frame, rows.target, answers, chosen.conformal)
    elif prepared.task.name in (TEXTS, TAGS):
        frame = loader.take(prepared.frame, encoding.test_rows(prepared))
        pictures = texts.pictures(prepared.schema, frame, rows.target, answers, prepared.classes)
    else:
        pictures = _pictures(prepared.task, prepared.classes, rows.target, answers)
    return Tested(tuple(measurements), pictures, coverage, answers, rows.target)


def said_of_all(prepared: Prepared, outputs: PerRow, simplest: Form) -> list[Any]:
    """(outputs,) what the simplest model says of every row; of forecasts what it adds to the last season, scaled.

    Of tags the code that it gives each word, by the word's number. outputs: (test rows, outputs) of that model.
    """
    if prepared.task.name == TAGS:
        return [int(code) for code in simplest.state().arrays["codes"]]
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
    means = {part: float(np.mean([getattr(m, part) for m in measurements])) for part in ("value", "low", "high")}
    if prepared.validation is not None:
        how = f"on the validation rows that were given; {first.how}"
    else:
        count = prepared.recipe.split.folds
        how = f"{len(measurements)} x {count}-fold cross-validation, mean of the partitions; {first.how}"
    return replace(first, **means, how=how)


def question(prepared: Prepared) -> dict[str, Any]:
    """What was asked, as the evidence states it."""
    division, classes = prepared.division, prepared.classes
    document: dict[str, Any] = {
        "task": prepared.task.name,
        "task_reason": prepared.task_reason,
        "target": named(prepared.recipe.targets),
        "classes": list(classes),
        "split": {
            "name": division.split,
            "reason": division.reason,
            "train": len(division.train),
            "test": len(division.test),
            "measured": len(encoding.test_rows(prepared)),
            "dropped": dict(prepared.dropped),
            "listed": [{"row": row, "reason": reason} for row, reason in division.listed],
        },
    }
    if prepared.task.name == "binary":
        document["positive"] = classes[-1]
    return document


def named(targets: tuple[str, ...]) -> str | list[str] | None:
    """The column that is predicted, or the list of several."""
    return list(targets) if len(targets) > 1 else next(iter(targets), None)


def decided(chosen: Chosen, tested: Tested) -> dict[str, Any]:
    """What was decided on held-out rows, as the evidence states it."""
    document: dict[str, Any] = {}
    if chosen.calibration is not None:
        document["calibration"] = chosen.calibration.to_json()
    if chosen.threshold is not None:
        document["threshold"] = {"value": chosen.threshold, "reason": chosen.threshold_reason}
    if chosen.conformal is not None:
        document["conformal"] = {
            **chosen.conformal.to_json(),
            **({"coverage": tested.coverage.to_json()} if tested.coverage else {}),
        }
    return document


def importance(
    prepared: Prepared, encoder: Encoder, answer: Answering, chosen: Chosen, deadline: Deadline
) -> dict[str, Any]:
    """How much the score falls when a column is shuffled among the test rows, with 95% intervals."""
    metric: Metric = registry.find("metrics", prepared.recipe.train.metric or prepared.task.compared_by)
    rows = sampled(encoding.test_rows(prepared), EXPLAINED, derive(prepared.recipe.seed, "importance"))
    columns = [column.name for column in prepared.schema.inputs]
    assert prepared.target is not None, "importance needs a target"
    if prepared.task.name == TAGS:
        # There is one column, and the words of another row are not as many.
        return {"metric": metric.name, "rows": 0, "importance": []}

    def answers(frame: Any) -> Answers:
        return prepared.task.answers(answer(encoder.transform(frame)), chosen.threshold)

    frame = loader.take(prepared.frame, rows, columns)
    few, most = _affordable(answers, frame, len(columns))
    rows, frame = rows[:few], frame[:few]
    found = permuting.permutation(
        answers,
        frame,
        permuting.telling(frame, columns, answers(frame), most),
        prepared.target[rows],
        metric,
        seed=derive(prepared.recipe.seed, "importance"),
        deadline=deadline,
    )
    return {"metric": metric.name, "rows": len(rows), "importance": found}


def _affordable(answers: Callable[[Any], Answers], frame: Any, columns: int) -> tuple[int, int]:
    """How many rows can be answered for how many of the columns, several times, within `IMPORTANCE_SECONDS`.

    Where not even a few rows can be answered for every column, it is for fewer columns, and at least 20.
    """
    tried = min(len(frame), 200)
    started = time.process_time()
    answers(frame[:tried])
    each = max(time.process_time() - started, 1e-4) / max(tried, 1)
    affordable = int(IMPORTANCE_SECONDS / (each * max(columns, 1) * permuting.REPEATS))
    few = min(len(frame), max(affordable, 50))
    return few, max(20, int(IMPORTANCE_SECONDS / (each * few * permuting.REPEATS)))


def answered(
    bundle: Bundle, data: Any, *, threads: int | None = None, most: int | None = MEASURED, console: Console = SILENT
) -> Rows:
    """A bundle's answers on the rows of data whose target is known; the rows are read in slices.

    most: of more rows than this a sample is kept, the same each time; None keeps all.
    """
    from luban.verbs.answering import SLICE

    answerer = bundle.answerer if threads is None else bundle.answering(threads)
    if answerer.windows is not None:
        return _answered_windows(answerer, data, console)
    names = bundle.recipe.targets
    if bundle.stored.facts.get("target") is None:
        raise DataError(
            "this bundle has no target, so there is nothing to measure it by.", fix="luban predict BUNDLE DATA"
        )
    dataset = open_dataset(data, like=bundle.schema, console=console)
    missing = [name for name in names if name not in dataset.frame.collect_schema().names()]
    if missing:
        raise DataError(
            f"the column '{missing[0]}' is missing; it holds the answers to measure by.",
            where=dataset.where,
            fix="luban predict BUNDLE DATA answers rows without it",
        )
    if dataset.split is not None:
        console.say(f"{dataset.name} came split; all its {dataset.rows:,} rows are measured, training rows among them")
    kept = np.arange(dataset.rows)
    kept = kept if most is None else sampled(kept, most, derive(0, "measured"))
    parts: list[tuple[PerRow, Answers]] = []
    simplest: list[Answers] = []
    unknown = 0
    with console.progress("measuring rows", dataset.rows) as advance:
        done = 0
        for rows, answers in answerer.stream(loader.slices(dataset.frame, size=SLICE), where=dataset.where):
            here = kept[np.searchsorted(kept, done) : np.searchsorted(kept, done + len(rows))] - done
            truth = rows[names[0]] if len(names) == 1 else rows.select(names).to_struct()
            encoded = answerer.task.encode(truth, answerer.classes)
            if isinstance(answerer.task, Tagging):
                encoded = tags.as_many(encoded, answers)
                unknown += int((encoded[here].values < 0).sum())
                simplest.append(answerer.simplest(rows).take(here))
            parts.append((encoded[here], answers.take(here)))
            done += len(rows)
            advance(done, "")
    target = joined([encoded for encoded, _ in parts])
    known = values.known(target, several=len(names) > 1)
    if not known.any():
        listed = "' and '".join(names)
        raise DataError(f"no row holds a known value of '{listed}'.", where=dataset.where, fix="luban inspect DATA")
    why = "no tags, or not as many as words" if simplest else "no target, or a class that the bundle does not know"
    dropped = {why: int((~known).sum())} if not known.all() else {}
    if unknown:
        console.say(f"{unknown:,} words have a tag that the bundle does not know; their answers count as wrong")
    weight, groups = _beside(dataset.frame, bundle)
    return Rows(
        dataset.name,
        joined_answers([answers for _, answers in parts]).take(known),
        target[known],
        dropped,
        simplest=joined_answers(simplest).take(known) if simplest else None,
        weight=None if weight is None else weight[kept][known],
        groups=None if groups is None else groups[kept][known],
        of=dataset.rows if len(kept) < dataset.rows else None,
    )


def _beside(frame: pl.LazyFrame, bundle: Bundle) -> tuple[Array | None, Array | None]:
    """(rows,) weights and groups of rows, where the bundle was made with such columns and the rows have them."""
    names = frame.collect_schema().names()
    weight, group = bundle.schema.one("weight"), bundle.schema.one("group")
    weighed = weights(frame, bundle.schema) if weight is not None and weight.name in names else None
    if group is None or group.name not in names or bundle.recipe.split.kind not in ("auto", "group"):
        return weighed, None
    groups = values.codes(frame.select(group.name).collect().to_series())
    # A row without a group is one by itself.
    alone = groups < 0
    groups[alone] = groups.max(initial=0) + 1 + np.arange(int(alone.sum()))
    return weighed, groups


def _answered_windows(answerer: Answerer, data: Any, console: Console) -> Rows:
    """The answers for all windows of series whose target is known."""
    dataset = open_dataset(data, like=answerer.schema, console=console)
    frame = forecasts.known(answerer, dataset.frame.collect(), where=dataset.where)
    target = answerer.task.encode(frame[forecasts.target_name(answerer)], ())
    simplest, groups = forecasts.simplest(frame, answerer), frame[forecasts.BLOCK].to_numpy()
    return Rows(dataset.name, answerer.said(frame), target, {}, simplest, groups=groups)


def given(bundle: Bundle, rows: Rows) -> list[Measurement]:
    """The figures of a bundle on rows that a person gave."""
    found = figures(
        bundle.answerer.task,
        bundle.recipe.train.metric,
        rows.target,
        rows.answers,
        (bundle.answerer.task.baseline, rows.simplest) if rows.simplest else _baseline(bundle, len(rows.target)),
        "given",
        weight=rows.weight,
        groups=rows.groups,
        seed=bundle.recipe.seed,
    )
    return rows.told(found)


def paired(one: Bundle, other: Bundle, data: Any, name: str, *, console: Console) -> list[Measurement]:
    """The figures of one bundle with another as the baseline, on the same rows."""
    first, second = answered(one, data, console=console), answered(other, data, console=console)
    answers = _aligned(second.answers, other.classes, one.classes)
    task = one.answerer.task
    found = figures(
        task, None, first.target, first.answers, (name, answers), "given",
        weight=first.weight, groups=first.groups, seed=one.recipe.seed,
    )  # fmt: skip
    return first.told(found)


def again(bundle: Bundle, data: Any, *, console: Console) -> tuple[list[Measurement], list[str | None]]:
    """The figures on the test rows of a bundle, measured again from the raw rows; and the data's fingerprints."""
    evaluation = bundle.stored.evidence["evaluation"]
    task = bundle.answerer.task
    # Data that came split holds its test rows itself.
    if evaluation["split"]["name"] == "given" and bundle.schema.one("split") is None:
        rows = answered(bundle, data, most=None, console=console)
        seed = bundle.recipe.seed
        # As many are measured as were then.
        some = sampled(np.arange(len(rows.target)), encoding.tested_at_most(task.name), derive(seed, "tested"))
        measured = figures(
            task, bundle.recipe.train.metric, rows.target[some], rows.answers.take(some),
            (task.baseline, rows.simplest.take(some)) if rows.simplest else _baseline(bundle, len(some)), "test",
            weight=None if rows.weight is None else rows.weight[some],
            groups=None if rows.groups is None else rows.groups[some],
            seed=seed,
        )  # fmt: skip
        return measured, []
    dataset = open_dataset(data, columns=bundle.recipe.columns, console=console)
    prepared = prepare(dataset, Given(), bundle.recipe)
    numbers = encoding.test_rows(prepared)
    answerer, frame = bundle.answerer, loader.take(prepared.frame, numbers)
    if answerer.windows is not None:
        answers = answerer.said(frame)
        simplest: tuple[str, Answers] | None = (task.baseline, forecasts.simplest(frame, answerer))
    else:
        answers = answerer.answers(frame, where=dataset.where)
        known = isinstance(task, Tagging)
        simplest = (task.baseline, answerer.simplest(frame)) if known else _baseline(bundle, len(numbers))
    assert prepared.target is not None, "a bundle with figures has a target"
    measured = figures(
        task,
        bundle.recipe.train.metric,
        prepared.target[numbers],
        answers,
        simplest,
        "test",
        weight=None if prepared.weight is None else prepared.weight[numbers],
        groups=None if prepared.division.groups is None else prepared.division.groups[numbers],
        seed=bundle.recipe.seed,
    )
    return measured, [dataset.fingerprint, None, None]


def groups_of(prepared: Prepared) -> Array | None:
    """(encoded rows,) the group of each, where rows share one."""
    groups = prepared.division.groups
    return None if groups is None else groups[encoding.rows_of(prepared)]


def _baseline(bundle: Bundle, rows: int) -> tuple[str, Answers] | None:
    """What the simplest model says about each row: the same; None where it says more."""
    outputs, task = bundle.stored.facts.get("baseline"), bundle.answerer.task
    if outputs is None or task.name == TAGS:
        return None
    if task.name == TEXTS:
        return task.baseline, task.answers(Ragged.of_texts([str(outputs[0])] * rows))
    return task.baseline, task.answers(np.repeat(np.array([outputs]), rows, axis=0))


def joined_answers(parts: list[Answers]) -> Answers:
    """The answers of all parts, one behind the other."""
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    of_targets = tuple(joined_answers([part.parts[place] for part in parts]) for place in range(len(parts[0].parts)))
    prediction = joined([part.prediction for part in parts])
    said = joined(probabilities) if probabilities else None
    return Answers(prediction, said, parts=of_targets, names=parts[0].names)


def _aligned(answers: Answers, classes: tuple[str, ...], like: tuple[str, ...]) -> Answers:
    """The answers with classes in another order."""
    if classes == like or answers.probabilities is None:
        return answers
    place = np.array([like.index(name) for name in classes])
    back, said = np.argsort(place), answers.prediction
    if isinstance(said, Ragged) and isinstance(answers.probabilities, Ragged):
        steps = Ragged(answers.probabilities.values[:, back], answers.probabilities.offsets)
        return Answers(Ragged(place[said.values], said.offsets), steps, names=like if answers.names else ())
    prediction = place[dense(said)] if dense(said).ndim == 1 else dense(said)[:, back]
    return Answers(prediction, dense(answers.probabilities)[:, back])


def _pictures(task: Task, classes: tuple[str, ...], target: Array, answers: Answers) -> dict[str, Any]:
    if task.name in DISCRETE and answers.probabilities is not None:
        confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(confusion, (target, answers.prediction), 1)
        return {"confusion": confusion.tolist(), "curve": _curve(task, target, answers.probabilities)}
    if task.name == "regression":
        points = np.stack([answers.prediction, target], axis=1)
        drawn = points[np.linspace(0, len(points) - 1, min(DRAWN, len(points))).astype(np.int64)]
        return {"residuals": {"points": [[float(a), float(b)] for a, b in drawn]}}
    return {}


def _curve(task: Task, target: Array, probabilities: Array) -> list[dict[str, Any]]:
    """Said and observed frequency, in bins of equally many rows: of the positive class, or of the likeliest one."""
    if task.name == "binary":
        said, was = probabilities[:, 1], target == 1
    else:
        said, was = probabilities.max(axis=1), probabilities.argmax(axis=1) == target
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    return [
        {
            "low": float(said[part].min()),
            "high": float(said[part].max()),
            "confidence": float(said[part].mean()),
            "frequency": float(was[part].mean()),
            "rows": len(part),
        }
        for part in parts
    ]
