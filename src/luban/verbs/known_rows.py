"""What a bundle says on rows that a person gives and whose target is known, so that it can be measured by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array, PerRow, dense, joined, joined_answers
from luban.core.console import SILENT, Console
from luban.core.errors import DataError
from luban.core.seed import derive
from luban.data import loader, values
from luban.data.dataset import Dataset
from luban.data.loader import sampled
from luban.data.open import open_dataset
from luban.evidence.judgement import Slice
from luban.evidence.measurement import Measurement
from luban.protocols import Modelling, Spanning, Tagging, Task
from luban.recipe.recipe import Recipe
from luban.verbs import documents, forecasts, judging, judging_given, tags
from luban.verbs.bundle import Bundle
from luban.verbs.stacking import weights

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

    answerer = bundle.answerer if threads is None else bundle.answering(threads)
    if answerer.windows is not None:
        return _answered_windows(answerer, data, console)
    if isinstance(answerer.task, Modelling):
        return _answered_documents(answerer, answerer.task, bundle.recipe, data, console)
    dataset = _with_targets(bundle, data, console)
    kept = np.arange(dataset.rows)
    kept = kept if most is None else sampled(kept, most, derive(0, "measured"))
    some = sampled(kept, judging_given.MOST, derive(0, "judged"))
    read = _read(answerer, dataset, bundle.recipe.targets, kept, some, console)
    known = values.known(read.target, several=len(bundle.recipe.targets) > 1)
    if not known.any():
        listed = "' and '".join(bundle.recipe.targets)
        raise DataError(f"no row holds a known value of '{listed}'.", where=dataset.where, fix="luban inspect DATA")
    if read.unknown:
        console.say(f"{read.unknown:,} words have a tag that the bundle does not know; their answers count as wrong")
    weight, groups = _beside(dataset.frame, bundle)
    places = np.searchsorted(kept, some)
    told = known[places]
    slices: tuple[Slice, ...] = ()
    if read.looked.width:
        slices = judging.slices(read.looked.filter(pl.Series(told)), answerer.schema, int(told.sum()))
    return Rows(
        dataset.name,
        read.answers.take(known),
        read.target[known],
        {_unmeasured(answerer.task): int((~known).sum())} if not known.all() else {},
        simplest=None if read.simplest is None else read.simplest.take(known),
        weight=None if weight is None else weight[kept][known],
        groups=None if groups is None else groups[kept][known],
        of=dataset.rows if len(kept) < dataset.rows else None,
        looked=(np.cumsum(known) - 1)[places[told]],
        slices=slices,
    )


def _unmeasured(task: Task) -> str:
    """Why rows are not measured."""
    if isinstance(task, Spanning):
        return task.unanswered
    if isinstance(task, Tagging):
        return "no tags, or not as many as words"
    return "no target, or a class that the bundle does not know"


def _with_targets(bundle: Bundle, data: Any, console: Console) -> Dataset:
    """Data in which every target of a bundle is a column. DataError where one is missing."""
    if bundle.stored.facts.get("target") is None:
        raise DataError(
            "this bundle has no target, so there is nothing to measure it by.", fix="luban predict BUNDLE DATA"
        )
    dataset = open_dataset(data, like=bundle.schema, console=console)
    there = dataset.frame.collect_schema().names()
    for name in bundle.recipe.targets:
        if name not in there:
            raise DataError(
                f"the column '{name}' is missing; it holds the answers to measure by.",
                where=dataset.where,
                fix="luban predict BUNDLE DATA answers rows without it",
            )
    if dataset.split is not None:
        console.say(f"{dataset.name} came split; all its {dataset.rows:,} rows are measured, training rows among them")
    return dataset


@dataclass(frozen=True)
class _Read:
    """What was read of rows and said of them. looked: the columns that part rows, of those that are looked at.

    unknown: how many words have a tag that the model does not know.
    """

    target: PerRow
    answers: Answers
    simplest: Answers | None
    looked: pl.DataFrame
    unknown: int


def _read(
    answerer: Answerer, dataset: Dataset, names: Sequence[str], kept: Array, some: Array, console: Console
) -> _Read:
    """The answers on the rows `kept`, slice by slice, and what parts the rows `some`; both are rising numbers."""
    import polars as pl

    from luban.verbs.answering import SLICE

    columns = judging_given.parting(answerer.schema)
    targets: list[PerRow] = []
    said: list[Answers] = []
    simplest: list[Answers] = []
    looked: list[pl.DataFrame] = []
    unknown = done = 0
    with console.progress("measuring rows", dataset.rows) as advance:
        for rows, answers in answerer.stream(loader.slices(dataset.frame, size=SLICE), where=dataset.where):
            here, own = _within(kept, done, len(rows)), _within(some, done, len(rows))
            truth = rows[names[0]] if len(names) == 1 else rows.select(names).to_struct()
            encoded = answerer.task.encode(truth, answerer.classes)
            if isinstance(answerer.task, Tagging):
                encoded = tags.as_many(encoded, answers)
                unknown += int((encoded[here].values < 0).sum())
            if answerer.simplest_reads:
                simplest.append(answerer.simplest(rows).take(here))
            targets.append(encoded[here])
            said.append(answers.take(here))
            looked.append(rows[own].select(name for name in columns if name in rows.columns))
            done += len(rows)
            advance(done, "")
    return _Read(
        joined(targets),
        joined_answers(said),
        joined_answers(simplest) if simplest else None,
        pl.concat(looked),
        unknown,
    )


def _within(numbers: Array, first: int, count: int) -> Array:
    """Those of rising numbers that lie in a slice of so many, counted from its first.

    >>> _within(np.array([1, 4, 5, 9]), 4, 4)
    array([0, 1])
    """
    low, high = np.searchsorted(numbers, [first, first + count])
    return numbers[low:high] - first


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
