"""Drift: newer rows beside the training rows, of which a bundle keeps how they lay, as conditions look at both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, dense, joined_answers
from luban.bundle.folder import AGAIN
from luban.core import registry
from luban.core.console import Console
from luban.core.errors import BundleError, DataError
from luban.core.seed import derive
from luban.data import loader, spreads, values
from luban.data.dataset import Dataset
from luban.data.loader import sampled
from luban.data.open import open_dataset
from luban.evidence.judgement import Judgement
from luban.evidence.measurement import Measurement
from luban.evidence.reference import PLACE, Reference, Spread
from luban.protocols import Comparison, Condition
from luban.training import question
from luban.verbs import judging, judging_given, sides
from luban.verbs.answering import SLICE, Answerer
from luban.verbs.bundle import Bundle
from luban.verbs.measuring import Tested
from luban.verbs.preparing import Prepared
from luban.verbs.sides import Encoded

if TYPE_CHECKING:
    import polars as pl

MOST = 20_000
"""Rows of either side that are compared, at most."""
MOST_SAID = 25
"""Probabilities of a row that are compared."""
WITH_TARGET = ("binary", "multiclass", "regression")
Placed = tuple[tuple[Spread, Array], ...]
"""Each spread, and (rows,) the bins of the newer rows in it."""
ERROR = {"binary": "accuracy", "multiclass": "accuracy", "regression": "mae"}


def conditions() -> tuple[Condition, ...]:
    """The conditions that look at newer rows."""
    found: list[Condition] = [registry.find("conditions", name) for name in registry.names("conditions")]
    return tuple(condition for condition in found if condition.sees == "newer rows")


def kept(
    prepared: Prepared, tested: Tested | None = None, held_out: tuple[Answers, PerRow] | None = None
) -> dict[str, Any]:
    """The document `evidence/reference.json`: how training rows lie, and the answers to test rows; never a row.

    held_out: the answers to training rows that were held out, and their target. Empty for a task whose rows are not
    compared.
    """
    task, classes = prepared.task.name, prepared.classes
    if not any(task in condition.tasks for condition in conditions()):
        return {}
    rows = sampled(prepared.division.train, MOST, derive(prepared.recipe.seed, "reference"))
    target = dense(prepared.target)[rows] if task in WITH_TARGET else None
    spread = None if target is None else spreads.of_target(str(prepared.recipe.target), target, classes)
    strata = None if target is None or spread is None else spreads.strata(spread, target)
    frame = loader.take(prepared.frame, rows)
    found = spreads.reference(frame, prepared.schema, spread, strata)
    if tested is not None:
        found = spreads.with_answers(found, said(tested.answers, task, classes), dense(tested.target))
        seen = [(tested.answers, tested.target), *([] if held_out is None else [held_out])]
        found = replace(found, confusion=_counted(seen, len(classes)) if task in ("binary", "multiclass") else None)
    if prepared.recipe.train.prior and target is not None:
        found = spreads.toward(found, question.ratios(prepared.recipe.train.prior, classes, target))
    return {"reference": found.to_json()}


def _counted(seen: Sequence[tuple[Answers, PerRow]], classes: int) -> Array:
    """(classes, classes) how many rows of a class (line) got an answer (column)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    for answers, target in seen:
        codes, told = dense(target), dense(answers.prediction)
        np.add.at(counts, (codes[codes >= 0], told[codes >= 0]), 1)
    return counts


def said(answers: Answers, task: str, classes: tuple[str, ...]) -> dict[str, Array]:
    """(rows,) the numbers by which answers are compared: probabilities, or values; none for several targets."""
    if answers.parts or isinstance(answers.prediction, Ragged):
        return {}
    if answers.probabilities is not None and classes:
        names = list(enumerate(classes))[1 if task == "binary" else 0 :][:MOST_SAID]
        return {f"probability_{name}": dense(answers.probabilities)[:, code] for code, name in names}
    return {"prediction": answers.prediction} if answers.prediction.dtype.kind == "f" else {}


def compare(
    bundle: Bundle, data: Any, *, older: Dataset | None = None, threads: int | None, console: Console
) -> tuple[Comparison, Encoded | None]:
    """The newer rows beside what the bundle keeps, and beside the older rows, where these are given.

    Raises DataError for rows that it cannot answer.
    """
    answerer = bundle.answerer if threads is None else bundle.answering(threads)
    task, recipe = answerer.task.name, bundle.recipe
    dataset = open_dataset(data, like=bundle.schema, console=console)
    if not dataset.rows:
        raise DataError("there is no row.", where=dataset.where, fix="give newer rows, with the columns of the bundle")
    chosen = sampled(np.arange(dataset.rows), MOST, derive(recipe.seed, "compared"))
    frame, answers = _answered(answerer, dataset.frame, chosen, dataset.where)
    evidence = bundle.stored.evidence
    reference = Reference.from_json(evidence["reference"]) if "reference" in evidence else None
    columns, of_answers = _placed(reference, bundle, frame, said(answers, task, bundle.classes), dataset.where)
    counted = _confusion(bundle)
    target = known = None
    if task in WITH_TARGET and recipe.target in frame.columns:
        target = dense(answerer.task.encode(frame[recipe.target], bundle.classes))
        learned = _learned(bundle, reference, counted)
        known = None if learned is None else (learned, _bins(learned, target, frame[recipe.target]))
    there = target if target is not None and values.known(target).any() else None
    encoded = None if older is None else sides.encode(bundle, older, frame)
    comparison = Comparison(
        bundle="BUNDLE" if bundle.path is None else str(bundle.path),
        data=name_of(data),
        recipe=recipe,
        task=answerer.task,
        classes=bundle.classes,
        reference=reference,
        columns=columns,
        said=of_answers,
        answers=answers,
        target=there,
        known=None if there is None else known,
        confusion=counted if reference is None or reference.confusion is None else reference.confusion,
        tested=_tested(bundle, ERROR.get(task)),
        telling=_telling(evidence.get("importance")),
        rows=dataset.rows,
        seed=recipe.seed,
        slices=judging.slices(frame, bundle.schema, len(frame)) if target is not None else (),
        sides=None if encoded is None else encoded.sides,
    )
    return comparison, encoded


def _placed(
    reference: Reference | None, bundle: Bundle, frame: pl.DataFrame, now: Mapping[str, Array], where: str
) -> tuple[Placed, Placed]:
    """How newer rows and the answers to them lie in the bins that were kept. now: numbers of these answers, by name.

    Raises BundleError where what is kept is not of this bundle, and DataError that names the column of a row.
    """
    if reference is None:
        return (), ()
    _demand_fitting(reference, bundle)
    found = spreads.columns(frame, bundle.schema, reference.columns, where=where)
    there = [each for each in reference.answers if each.name in now]
    answers = tuple((each, spreads.placed(each, now[each.name])) for each in there)
    return tuple(zip(reference.columns, found, strict=True)), answers


def _learned(bundle: Bundle, reference: Reference | None, counted: Array | None) -> Spread | None:
    """How the targets of the rows lay that the bundle learned from; of a bundle that kept nothing of it, how those of
    its test rows did. counted: the confusions.
    """
    if reference is not None and reference.target is not None:
        return reference.target
    if counted is None:
        return None
    counts = np.array([*counted.sum(axis=1), 0, 0])[:, None]
    return Spread(str(bundle.recipe.target), "category", bundle.classes, counts)


def judged(bundle: Bundle, comparison: Comparison) -> Judgement | None:
    """The answers to the newer rows that say their target, for conditions of answers; None where none does."""
    if comparison.target is None:
        return None
    known = values.known(comparison.target)
    parts = [replace(each, inside=each.inside[known]) for each in comparison.slices]
    return judging_given.judged(bundle, comparison.target[known], comparison.answers.take(known), parts)


def name_of(data: Any) -> str:
    """What data is called: its path, or that it is a table."""
    return str(data) if isinstance(data, str | Path) else "DATA"


def not_compared(comparison: Comparison) -> list[tuple[str, str]]:
    """What could not be looked for, and why."""
    if comparison.reference is None:
        return []
    told = [f"column '{name}': {why}" for name, why in comparison.reference.uncompared.items()]
    if comparison.sides is None:
        told.append("how rows lie in all columns together takes the rows that the bundle learned from: --data DATA")
    return [("covariate-shift", reason) for reason in told]


def _answered(answerer: Answerer, frame: pl.LazyFrame, chosen: Array, where: str) -> tuple[pl.DataFrame, Answers]:
    """The chosen rows and their answers. All rows are answered, in slices, so that errors name the right row."""
    import polars as pl

    rows: list[pl.DataFrame] = []
    parts: list[Answers] = []
    done = 0
    for some, answers in answerer.stream(loader.slices(frame, size=SLICE), where=where):
        here = chosen[np.searchsorted(chosen, done) : np.searchsorted(chosen, done + len(some))] - done
        rows.append(some[here])
        parts.append(answers.take(here))
        done += len(some)
    return pl.concat(rows), joined_answers(parts)


def _demand_fitting(reference: Reference, bundle: Bundle) -> None:
    """Raises BundleError where what is kept is not of the columns and classes of the bundle."""
    fitting = all(spreads.is_of(each, bundle.schema) for each in reference.columns)
    fitting &= all(each.kind == "number" for each in reference.answers)
    if reference.pairs is not None:
        widths = {each.name: (1, each.counts.shape[1]) for each in reference.columns if each.kind == "number"}
        strata = len(reference.pairs.products)
        fitting &= all(strata in widths.get(name, ()) for name in reference.pairs.columns)
    if reference.confusion is not None:
        fitting &= len(reference.confusion) == len(bundle.classes)
    if reference.target is not None:
        fitting &= reference.target.bounds == bundle.classes or (
            reference.target.kind == "number" and not bundle.classes
        )
    if not fitting:
        raise BundleError("what is kept is not of the columns and classes of this bundle.", where=PLACE, fix=AGAIN)


def _confusion(bundle: Bundle) -> Array | None:
    found = bundle.stored.evidence["evaluation"].get("confusion")
    if found is None:
        return None
    classes = len(bundle.classes)
    lines = found if isinstance(found, list) and len(found) == classes else [None]
    if not all(
        isinstance(line, list) and len(line) == classes and all(type(n) is int and n >= 0 for n in line)
        for line in lines
    ):
        raise BundleError("the confusions are not those of the classes.", where="evidence/evaluation.json", fix=AGAIN)
    return np.array(found, dtype=np.int64)


def _bins(spread: Spread, target: Array, raw: pl.Series) -> Array:
    """(rows,) the bins of targets; a class that is there and not known has the bin of other values."""
    if spread.kind != "category":
        return spreads.placed(spread, target)
    unknown = np.where(raw.is_null().to_numpy(), spread.bins - 1, spread.bins - 2)
    return np.where(target >= 0, target, unknown)


def _tested(bundle: Bundle, metric: str | None) -> Measurement | None:
    on_test = (each for each in bundle.measurements if each.split == "test" and each.metric == metric)
    return next(on_test, None)


def _telling(importance: Any) -> frozenset[str] | None:
    """The columns whose shuffling was shown to lower the score."""
    lines = importance.get("importance") if isinstance(importance, dict) else None
    if not lines:
        return None
    return frozenset(line["column"] for line in lines if line["low"] is not None and line["low"] > 0)
