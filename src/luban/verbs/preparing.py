"""From a data set and a recipe to rows that are ready: roles, task, target, split, preprocessing. Nothing is fitted to
test rows here or later. How rows that were given apart become one table is in `stacking`, how models see it in `views`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from luban.batch import Array, PerRow, dense
from luban.core import registry
from luban.core.errors import UsageError
from luban.core.seed import derive
from luban.data import division, loader, readable, roles
from luban.data.dataset import Dataset
from luban.data.division import Division
from luban.data.preprocessor import Preprocessor
from luban.data.readable import Unreadable
from luban.protocols import Arranged, Arranging, Asking, Encoder, Modelling, Pairing, Spanning, Tagging, Task
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema
from luban.training import question
from luban.verbs import asking, pairs, pieces, stacking, tags, views
from luban.verbs.stacking import Aside, Counts, Given

if TYPE_CHECKING:
    from luban.data.tensor_preprocessor import TensorPreprocessor


@dataclass(frozen=True)
class Prepared:
    """Rows that are ready.

    frame: the whole table, lazily.
    target: (rows,) as a Batch holds it, for every row of the table; None without target. weight alike.
    division: which rows train and which test. validation: rows that a person gave to choose and calibrate on.
    tensors: how networks see the rows, where they do not see the matrix that other models see.
    given_schema: of the data's own columns, where the rows were made of them; else None.
    """

    dataset: Dataset
    frame: pl.LazyFrame
    recipe: Recipe
    schema: Schema
    task: Task
    task_reason: str
    classes: tuple[str, ...]
    target: PerRow | None
    weight: Array | None
    division: Division
    validation: Array | None
    preprocessor: Preprocessor
    tensors: TensorPreprocessor | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    given_schema: Schema | None = None

    def encoder(self, view: str) -> Encoder:
        """What encodes rows for models that see them as `matrix` or as `tensors`."""
        return self.tensors if view == "tensors" and self.tensors is not None else self.preprocessor


@dataclass(frozen=True)
class _Question:
    """What is asked, of which rows. values: to predict; counts: of the rows that train, validate and test.

    given_schema, ends: where rows were made of the data's, its own columns, and the one that says until when a target
    reaches.
    """

    frame: pl.LazyFrame
    schema: Schema
    recipe: Recipe
    task: Task
    reason: str
    values: pl.Series | None
    counts: Counts
    given_schema: Schema | None = None
    ends: str | None = None


def prepare(dataset: Dataset, given: Given, recipe: Recipe) -> Prepared:
    """The rows of a data set, ready for this recipe.

    Raises UsageError for a column or class that is not there, and DataError for data that cannot be learned from.
    """
    asked = _question(dataset, given, recipe)
    frame, schema, recipe, task = asked.frame, asked.schema, asked.recipe, asked.task
    classes: tuple[str, ...] = ()
    target: PerRow | None = None
    if asked.values is not None:
        classes = task.classes(asked.values, recipe.positive)
        target = task.encode(asked.values, classes)
    if isinstance(task, Tagging):
        task = task.of_tags(classes)
    weight = stacking.weights(frame, schema)
    aside = stacking.set_aside(dataset, given, schema, asked.counts)
    divided = _divided(asked, task, target, aside, where=dataset.where)
    validation = divided.train[np.isin(divided.train, aside.validation)] if len(aside.validation) else None
    if recipe.train.rows is not None:
        # Rows that a person gave to choose by are not among those that are drawn, and all of them stay.
        learned = np.setdiff1d(divided.train, aside.validation, assume_unique=True)
        some = loader.sampled(learned, recipe.train.rows, derive(recipe.seed, "rows"))
        divided = replace(divided, train=some if validation is None else np.union1d(some, validation))
    if recipe.train.prior and target is not None:
        own = asked.counts.all - (0 if aside.own else len(aside.test))
        weight = _toward(recipe, classes, dense(target), weight, divided, own)
    matrix, tensors = views.learned(dataset, frame, schema, recipe, task, divided.train)
    return Prepared(
        dataset=dataset,
        frame=frame,
        recipe=recipe,
        schema=schema,
        task=task,
        task_reason=asked.reason,
        classes=classes,
        target=target,
        weight=weight,
        division=divided,
        validation=validation,
        preprocessor=matrix,
        tensors=tensors,
        dropped={**dataset.dropped, **_dropped(task, divided)},
        given_schema=asked.given_schema,
    )


def _divided(asked: _Question, task: Task, target: PerRow | None, aside: Aside, *, where: str) -> Division:
    """Which rows train and which test, without those that cannot be read. Raises DataError where these are many."""
    frame, schema, recipe, rows = asked.frame, asked.schema, asked.recipe, asked.counts.all
    unreadable = _unreadable(task, frame, schema, recipe, asked.values)
    readable.refuse_many(unreadable, rows, recipe.features, where=where)
    found = division.divide(
        frame, schema, recipe, task, target, rows,
        given=aside.test if len(aside.test) else None,
        # Validation rows choose, so they are never test rows.
        kept=aside.validation if len(aside.validation) else None,
        unreadable=unreadable, ends=asked.ends,
    )  # fmt: skip
    return replace(found, reason="the data came split") if aside.own else found


def _dropped(task: Task, divided: Division) -> dict[str, int]:
    """How many rows are left out by reason, told in the words of the task."""
    own = {division.NO_TARGET: task.unanswered} if isinstance(task, Spanning) else {}
    return {own.get(why, why): rows for why, rows in divided.dropped.items()}


def _question(dataset: Dataset, given: Given, recipe: Recipe) -> _Question:
    """The roles of columns, the task, and the rows as the task takes them."""
    schema = pairs.read(pieces.read(tags.read(roles.assign(dataset, recipe), recipe), recipe), recipe)
    frame, counts = stacking.stacked(dataset, given, schema)
    values = _target(frame, schema, recipe)
    name, reason = _asked(dataset, frame, schema, values, recipe)
    recipe, told = asking.suited(recipe, name)
    reason += told
    task: Task = registry.find("tasks", name)
    if isinstance(task, Asking) and values is not None:
        task, why = question.several(task, values)
        reason = f"{reason}: {why}"
    question.suits(task.name, recipe)
    if isinstance(task, Tagging):
        schema = task.read(schema)
    if isinstance(task, Modelling):
        schema = task.documents(schema)
    if isinstance(task, Spanning) and values is not None:
        values = pieces.placed(task, frame, schema, values)
    arranged = _arranged(task, frame, schema, recipe, given)
    if arranged is None:
        return _Question(frame, schema, recipe, task, reason, values, counts)
    made = arranged.frame.lazy()
    return _Question(
        frame=made,
        schema=arranged.schema,
        recipe=arranged.recipe,
        task=arranged.task,
        reason="; ".join([reason, *(f"{count:,} {why}" for why, count in arranged.told.items())]),
        values=_target(made, arranged.schema, arranged.recipe),
        counts=Counts(arranged.frame.height, 0, 0),
        given_schema=schema,
        ends=arranged.ends,
    )


def _unreadable(
    task: Task, frame: pl.LazyFrame, schema: Schema, recipe: Recipe, values: pl.Series | None
) -> tuple[Unreadable, ...]:
    """The rows that the task cannot learn from, each with its reason. values: to predict."""
    if isinstance(task, Tagging) and values is not None:
        return tags.unreadable(task, frame, schema.inputs[0].name, values)
    if isinstance(task, Spanning) and values is not None:
        return pieces.unreadable(task, frame, schema, values)
    if isinstance(task, Pairing):
        return pairs.unreadable(frame, schema)
    return readable.scan(frame, schema.inputs, recipe.features)


def _toward(
    recipe: Recipe, classes: tuple[str, ...], codes: Array, weight: Array | None, divided: Division, own: int
) -> Array:
    """(rows,) the weights times how much more frequent the class of a row is by `train.prior` than in training rows.

    own: how many rows are the data's; test rows of their own, behind them, are as they come.
    """
    ratio = np.append(question.ratios(recipe.train.prior, classes, codes[divided.train]), 1.0)[codes]
    ratio[own:] = 1.0
    return ratio if weight is None else weight * ratio


def _texts(dataset: Dataset, schema: Schema) -> bool:
    """Whether one column of texts is read, and nothing else, and the target holds texts."""
    target = schema.one("target")
    return (
        target is not None
        and dataset.schema[target.name].kind == "text"
        and [column.kind for column in schema.inputs] == ["text"]
    )


def _asked(
    dataset: Dataset, frame: pl.LazyFrame, schema: Schema, values: pl.Series | None, recipe: Recipe
) -> tuple[str, str]:
    """The name of the task, and why: what the target alone says, unless it says more beside what is read.

    It is a forecast where values follow each other in time and nothing else is known of them, and tagging where each
    word of the one text has a tag.
    """
    if recipe.task is None and values is not None and values.dtype != pl.Struct:
        tagging: Tagging = registry.find("tasks", "tagging")
        why = tagging.suggested(frame, schema, values)
        if why is not None:
            return "tagging", f"{why} (--task sequence-to-sequence if not)"
    name, reason = question.decide(values, recipe, texts=_texts(dataset, schema))
    if recipe.task is None and name == "regression" and recipe.split.kind in ("auto", "time", "group"):
        forecasting: Arranging = registry.find("tasks", "forecasting")
        why = forecasting.suggested(frame, schema, recipe)
        if why is not None:
            return "forecasting", why
    return name, reason


def _arranged(task: Task, frame: pl.LazyFrame, schema: Schema, recipe: Recipe, given: Given) -> Arranged | None:
    """The rows that the task makes of the data's rows; None where it takes them as they are."""
    if not isinstance(task, Arranging):
        return None
    for option, part in (("--test", given.test), ("--validation", given.validation)):
        if part is not None:
            raise UsageError(
                f"{task.name} tests itself on the latest windows of the data.",
                where=option,
                fix="put all rows into one table, or measure others afterwards: luban evaluate BUNDLE DATA",
            )
    return task.arrange(frame, schema, recipe)


def _target(frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> pl.Series | None:
    """The values to predict; of several columns one column of structs."""
    names = [column.name for column in schema.with_role("target")]
    names = list(recipe.targets) if recipe.also else names
    if not names:
        return None
    wanted = pl.col(names[0]) if len(names) == 1 else pl.struct(names)
    return frame.select(wanted).collect(engine="streaming").to_series()
