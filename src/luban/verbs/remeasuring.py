"""Measuring a bundle that is there: on rows that a person gives, beside another, or again on its own test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, dense, joined, joined_answers
from luban.core import fingerprint
from luban.core.console import SILENT, Console
from luban.core.errors import DataError
from luban.core.seed import derive
from luban.data import loader, values
from luban.data.open import open_dataset
from luban.evidence.judgement import Slice
from luban.evidence.measurement import Measurement
from luban.features import _given as given_tokenizer
from luban.protocols import Modelling, Tagging
from luban.recipe.recipe import Recipe
from luban.verbs import documents, encoding, forecasts, judging, judging_given, tags
from luban.verbs.bundle import Bundle
from luban.verbs.measuring import TEXTS, figures
from luban.verbs.preparing import Given, prepare, sampled, weights

if TYPE_CHECKING:
    import polars as pl

    from luban.verbs.answering import Answerer

MEASURED = 200_000
"""Rows given to be measured that are looked at, at most: all are answered, and memory stays flat."""


@dataclass(frozen=True)
class Rows:
    """Rows with a known target, and what a model said about them. name: of the data.

    simplest: what the simplest model says about them, where that is not the same for all.
    weight, groups: (rows,) or None, as training read them. of: of how many these are a sample, or None for all.
    looked: (some,) numbers of those that conditions look at, and slices of these by their columns.
    """

    name: str
    answers: Answers
    target: PerRow
    dropped: Mapping[str, int]
    simplest: Answers | None = None
    weight: Array | None = None
    groups: Array | None = None
    of: int | None = None
    looked: Array | None = None
    slices: tuple[Slice, ...] = ()

    def told(self, found: list[Measurement]) -> list[Measurement]:
        """The figures, saying so where they are those of a sample."""
        if self.of is None:
            return found
        return [replace(m, how=f"on a sample of {m.rows:,} of {self.of:,} rows; {m.how}") for m in found]


def answered(
    bundle: Bundle, data: Any, *, threads: int | None = None, most: int | None = MEASURED, console: Console = SILENT
) -> Rows:
    """A bundle's answers on the rows of data whose target is known; the rows are read in slices.

    most: of more rows than this a sample is kept, the same each time; None keeps all.
    """
    import polars as pl

    from luban.verbs.answering import SLICE

    answerer = bundle.answerer if threads is None else bundle.answering(threads)
    if answerer.windows is not None:
        return _answered_windows(answerer, data, console)
    if isinstance(answerer.task, Modelling):
        return _answered_documents(answerer, answerer.task, bundle.recipe, data, console)
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
    some = sampled(kept, judging_given.MOST, derive(0, "judged"))
    columns = judging_given.parting(answerer.schema)
    parts: list[tuple[PerRow, Answers]] = []
    simplest: list[Answers] = []
    looked: list[pl.DataFrame] = []
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
            if answerer.simplest_reads:
                simplest.append(answerer.simplest(rows).take(here))
            parts.append((encoded[here], answers.take(here)))
            own = some[np.searchsorted(some, done) : np.searchsorted(some, done + len(rows))] - done
            looked.append(rows[own].select(name for name in columns if name in rows.columns))
            done += len(rows)
            advance(done, "")
    target = joined([encoded for encoded, _ in parts])
    known = values.known(target, several=len(names) > 1)
    if not known.any():
        listed = "' and '".join(names)
        raise DataError(f"no row holds a known value of '{listed}'.", where=dataset.where, fix="luban inspect DATA")
    tagged = isinstance(answerer.task, Tagging)
    why = "no tags, or not as many as words" if tagged else "no target, or a class that the bundle does not know"
    dropped = {why: int((~known).sum())} if not known.all() else {}
    if unknown:
        console.say(f"{unknown:,} words have a tag that the bundle does not know; their answers count as wrong")
    weight, groups = _beside(dataset.frame, bundle)
    places = np.searchsorted(kept, some)
    told = known[places]
    slices: tuple[Slice, ...] = ()
    if looked[0].width:
        slices = judging.slices(pl.concat(looked).filter(pl.Series(told)), answerer.schema, int(told.sum()))
    return Rows(
        dataset.name,
        joined_answers([answers for _, answers in parts]).take(known),
        target[known],
        dropped,
        simplest=joined_answers(simplest).take(known) if simplest else None,
        weight=None if weight is None else weight[kept][known],
        groups=None if groups is None else groups[kept][known],
        of=dataset.rows if len(kept) < dataset.rows else None,
        looked=(np.cumsum(known) - 1)[places[told]],
        slices=slices,
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


def _answered_documents(answerer: Answerer, task: Modelling, recipe: Recipe, data: Any, console: Console) -> Rows:
    """What a language model says about documents; those without a letter are left out."""
    from luban.verbs.answering import SLICE

    dataset = documents.opened(data, recipe, like=answerer.schema, console=console)
    (column,) = answerer.schema.inputs
    parts: list[Answers] = []
    sizes: list[PerRow] = []
    with console.progress("measuring documents", dataset.rows) as advance:
        for rows, answers in answerer.stream(loader.slices(dataset.frame, size=SLICE), where=dataset.where):
            parts.append(answers)
            sizes.append(task.sizes(rows[column.name]))
            advance(sum(map(len, sizes)), "")
    found = joined(sizes)
    known = dense(found) > 0
    if not known.any():
        raise DataError("all documents are empty.", where=dataset.where, fix="give documents with text in them")
    dropped = {"no text": int((~known).sum())} if not known.all() else {}
    return Rows(dataset.name, joined_answers(parts).take(known), found[known], dropped)


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
            (bundle.answerer.baseline_model, rows.simplest.take(some)) if rows.simplest
            else _baseline(bundle, len(some)), "test",
            weight=None if rows.weight is None else rows.weight[some],
            groups=None if rows.groups is None else rows.groups[some],
            seed=seed,
        )  # fmt: skip
        return measured, []
    recipe = _located(bundle)
    dataset = documents.opened(data, recipe, console=console)
    prepared = prepare(dataset, Given(), recipe)
    numbers = encoding.test_rows(prepared)
    answerer, frame = bundle.answerer, loader.take(prepared.frame, numbers)
    if answerer.windows is not None:
        answers = answerer.said(frame)
        simplest: tuple[str, Answers] | None = (task.baseline, forecasts.simplest(frame, answerer))
    else:
        answers = answerer.answers(frame, where=dataset.where)
        reads = answerer.simplest_reads
        simplest = (answerer.baseline_model, answerer.simplest(frame)) if reads else _baseline(bundle, len(numbers))
    if isinstance(task, Modelling):
        (column,) = prepared.schema.inputs
        target = task.sizes(frame[column.name])
    else:
        assert prepared.target is not None, "a bundle with figures has a target"
        target = prepared.target[numbers]
    measured = figures(
        task,
        bundle.recipe.train.metric,
        target,
        answers,
        simplest,
        "test",
        weight=None if prepared.weight is None else prepared.weight[numbers],
        groups=None if prepared.division.groups is None else prepared.division.groups[numbers],
        seed=bundle.recipe.seed,
    )
    return measured, [dataset.fingerprint, None, None]


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
