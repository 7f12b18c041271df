"""Measuring a bundle that is there: on rows that a person gives, beside another, or again on its own test rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Answers, Ragged, dense
from luban.core import fingerprint
from luban.core.console import Console
from luban.core.seed import derive
from luban.data import loader
from luban.data.loader import sampled
from luban.evidence.measurement import Measurement
from luban.features import _given as given_tokenizer
from luban.protocols import Modelling
from luban.recipe.recipe import Recipe
from luban.verbs import documents, encoding, forecasts
from luban.verbs.bundle import Bundle
from luban.verbs.known_rows import Rows, answered
from luban.verbs.measuring import TEXTS, figures
from luban.verbs.preparing import Prepared, prepare
from luban.verbs.stacking import Given


def given(bundle: Bundle, rows: Rows) -> list[Measurement]:
    """The figures of a bundle on rows that a person gave."""
    found = figures(
        bundle.answerer.task,
        bundle.recipe.train.metric,
        rows.target,
        rows.answers,
        (bundle.answerer.baseline_model, rows.simplest) if rows.simplest else _baseline(bundle, len(rows.target)),
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
    # Data that came split holds its test rows itself.
    if bundle.stored.evidence["evaluation"]["split"]["name"] == "given" and bundle.schema.one("split") is None:
        return _of_given(bundle, data, console), []
    recipe = _located(bundle)
    dataset = documents.opened(data, recipe, console=console)
    return _of_divided(bundle, prepare(dataset, Given(), recipe)), [dataset.fingerprint, None, None]


def _of_given(bundle: Bundle, data: Any, console: Console) -> list[Measurement]:
    """The figures on test rows that were given apart. As many are measured as were then."""
    task, seed = bundle.answerer.task, bundle.recipe.seed
    rows = answered(bundle, data, most=None, console=console)
    some = sampled(np.arange(len(rows.target)), encoding.tested_at_most(task.name), derive(seed, "tested"))
    simplest = (bundle.answerer.baseline_model, rows.simplest.take(some)) if rows.simplest else None
    return figures(
        task, bundle.recipe.train.metric, rows.target[some], rows.answers.take(some),
        simplest or _baseline(bundle, len(some)), "test",
        weight=None if rows.weight is None else rows.weight[some],
        groups=None if rows.groups is None else rows.groups[some],
        seed=seed,
    )  # fmt: skip


def _of_divided(bundle: Bundle, prepared: Prepared) -> list[Measurement]:
    """The figures on the test rows of data that are divided as they were then."""
    numbers, task = encoding.test_rows(prepared), bundle.answerer.task
    answerer, frame = bundle.answerer, loader.take(prepared.frame, numbers)
    if answerer.windows is not None:
        answers = answerer.said(frame)
        simplest: tuple[str, Answers] | None = (task.baseline, forecasts.simplest(frame, answerer))
    else:
        answers = answerer.answers(frame, where=prepared.dataset.where)
        reads = answerer.simplest_reads
        simplest = (answerer.baseline_model, answerer.simplest(frame)) if reads else _baseline(bundle, len(numbers))
    if isinstance(task, Modelling):
        (column,) = prepared.schema.inputs
        target = task.sizes(frame[column.name])
    else:
        assert prepared.target is not None, "a bundle with figures has a target"
        target = prepared.target[numbers]
    return figures(
        task, bundle.recipe.train.metric, target, answers, simplest, "test",
        weight=None if prepared.weight is None else prepared.weight[numbers],
        groups=None if prepared.division.groups is None else prepared.division.groups[numbers],
        seed=bundle.recipe.seed,
    )  # fmt: skip


def _located(bundle: Bundle) -> Recipe:
    """The recipe of a bundle, in which a tokenizer that it names by its content is the one that lies in the bundle."""
    recipe = bundle.recipe
    if bundle.path is None:
        return recipe
    own = bundle.path / "model" / given_tokenizer.NAME
    if not recipe.features.tokenizer.startswith(given_tokenizer.BY_CONTENT) or not own.is_file():
        return recipe
    if given_tokenizer.BY_CONTENT + fingerprint.of_bytes(given_tokenizer.read(str(own))) != recipe.features.tokenizer:
        return recipe
    return recipe.model_copy(update={"features": recipe.features.model_copy(update={"tokenizer": str(own)})})


def _baseline(bundle: Bundle, rows: int) -> tuple[str, Answers] | None:
    """What the simplest model says about each row: the same; None where it says more."""
    outputs, task = bundle.stored.facts.get("baseline"), bundle.answerer.task
    if outputs is None or bundle.answerer.simplest_reads:
        return None
    if task.name == TEXTS:
        return task.baseline, task.answers(Ragged.of_texts([str(outputs[0])] * rows))
    return task.baseline, task.answers(np.repeat(np.array([outputs]), rows, axis=0))


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
