"""From a data set and a recipe to rows that are ready: roles, task, target, split, preprocessing. Nothing is fitted to
test rows here or later.

Test and validation rows that were given as data of their own stand behind the training rows in one table. Where the
data came split, its own split is kept.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from luban.batch import Array, PerRow, dense
from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.core.seed import derive
from luban.data import division, loader, readable, roles
from luban.data.dataset import Dataset
from luban.data.division import Division
from luban.data.preprocessor import Preprocessor
from luban.data.readable import Unreadable
from luban.protocols import Arranged, Arranging, Asking, Encoder, Modelling, Pairing, Spanning, Tagging, Task
from luban.recipe.recipe import Features, Recipe
from luban.schema.schema import Schema
from luban.training import packing, question, spanning, writing
from luban.verbs import coding, pairs, pieces, tags

if TYPE_CHECKING:
    from luban.data.tensor_preprocessor import TensorPreprocessor

LEARNED_FROM = 200_000
"""Rows that preprocessing is learned from at most: medians and vocabularies change no more beyond."""


@dataclass(frozen=True)
class Given:
    """The data sets that stand beside the training data, where a person has them.

    remember: raw texts that a language model should not forget.
    """

    test: Dataset | None = None
    validation: Dataset | None = None
    remember: Dataset | None = None

    @property
    def fingerprints(self) -> list[str | None]:
        return [None if data is None else data.fingerprint for data in (self.test, self.validation)]


@dataclass(frozen=True)
class Prepared:
    """Rows that are ready.

    frame, rows: the whole table, lazily, and how long it is.
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


def prepare(dataset: Dataset, given: Given, recipe: Recipe) -> Prepared:
    """The rows of a data set, ready for this recipe.

    Raises UsageError for a column or class that is not there, and DataError for data that cannot be learned from.
    """
    schema = pairs.read(pieces.read(tags.read(roles.assign(dataset, recipe), recipe), recipe), recipe)
    frame, parts = _stacked(dataset, given, schema)
    values = _target(frame, schema, recipe)
    name, reason = _asked(dataset, frame, schema, values, recipe)
    task: Task = registry.find("tasks", name)
    if isinstance(task, Asking) and values is not None:
        task, why = question.several(task, values, recipe)
        reason = f"{reason}: {why}"
    question.suits(task.name, recipe)
    if isinstance(task, Tagging):
        schema = task.read(schema)
    if isinstance(task, Modelling):
        schema = task.documents(schema)
    if isinstance(task, Spanning) and values is not None:
        values = pieces.placed(task, frame, schema, values)
    arranged = _arranged(task, frame, schema, recipe, given)
    given_schema, ends = None, None
    if arranged is not None:
        given_schema, ends = schema, arranged.ends
        frame, schema, recipe, task = arranged.frame.lazy(), arranged.schema, arranged.recipe, arranged.task
        values, parts = _target(frame, schema, recipe), (arranged.frame.height, 0, 0)
        reason = "; ".join([reason, *(f"{count:,} {why}" for why, count in arranged.told.items())])
    classes, target = ((), None) if values is None else _encoded(task, values, recipe)
    if isinstance(task, Tagging):
        task = task.of_tags(classes)
    weight = weights(frame, schema)
    tested, validated, own = _set_aside(dataset, given, schema, parts)
    unreadable = readable.scan(frame, schema.inputs, recipe.features)
    if isinstance(task, Tagging) and values is not None:
        unreadable = tags.unreadable(task, frame, schema.inputs[0].name, values)
    if isinstance(task, Spanning) and values is not None:
        unreadable = pieces.unreadable(task, frame, schema, values)
    if isinstance(task, Pairing):
        unreadable = pairs.unreadable(frame, schema)
    readable.refuse_many(unreadable, sum(parts), recipe.features, where=dataset.where)
    divided, validation = _divided(
        frame, schema, recipe, task, target, sum(parts), tested, validated, unreadable, ends=ends
    )
    if own:
        divided = replace(divided, reason="the data came split")
    if recipe.train.rows is not None and recipe.train.rows < len(divided.train):
        divided = replace(divided, train=sampled(divided.train, recipe.train.rows, derive(recipe.seed, "rows")))
    if recipe.train.prior and target is not None:
        weight = _toward(recipe, classes, dense(target), weight, divided, sum(parts) - len(tested) * (not own))
    inputs = [column.name for column in schema.inputs]
    if not inputs:
        raise DataError("no column is left to learn from.", where=dataset.where, fix=f"luban inspect {dataset.where}")
    learned_from = sampled(divided.train, LEARNED_FROM, derive(recipe.seed, "preprocessing"))
    teaching = loader.take(frame, learned_from, inputs)
    matrix, tensors = _encoders(teaching, schema, recipe, task)
    return Prepared(
        dataset=dataset,
        frame=frame,
        recipe=recipe,
        schema=schema,
        task=task,
        task_reason=reason,
        classes=classes,
        target=target,
        weight=weight,
        division=divided,
        validation=validation,
        preprocessor=matrix,
        tensors=tensors,
        dropped={**dataset.dropped, **divided.dropped},
        given_schema=given_schema,
    )


def _encoders(
    teaching: pl.DataFrame, schema: Schema, recipe: Recipe, task: Task
) -> tuple[Preprocessor, TensorPreprocessor | None]:
    """How models see the rows: as a matrix and as tensors, by what they teach, or as an autoencoder saw others."""
    known = coding.as_learned(schema, recipe)
    if isinstance(known, Preprocessor):
        return known, None
    # Texts that are learned themselves are seen as tokens alone: a matrix of their words would only take time.
    alone = isinstance(task, Modelling | Pairing)
    matrix = Preprocessor(()) if alone else Preprocessor.fit(teaching, schema, recipe.features)
    if known is not None:
        return matrix, known  # type: ignore[return-value]
    if isinstance(task, Pairing) and importlib.util.find_spec("torch") is not None:
        return matrix, pairs.tensors(teaching, schema, _seen(recipe.features, task.name))
    return matrix, _tensors(teaching, schema, _seen(recipe.features, task.name))


def _seen(features: Features, task: str) -> Features:
    """How networks see texts for a task."""
    return spanning.seen(packing.seen(writing.seen(features, task), task), task)


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


def _tensors(frame: pl.DataFrame, schema: Schema, features: Features) -> TensorPreprocessor | None:
    """How networks see the rows: as tensors, where a column has one of its own and networks can be trained at all."""
    own = any(registry.find("features", column.kind).tensor is not None for column in schema.inputs)
    if not own or importlib.util.find_spec("torch") is None:
        return None
    from luban.data.tensor_preprocessor import TensorPreprocessor

    return TensorPreprocessor.fit(frame, schema, features)


def sampled(rows: Array, most: int, seed: int) -> Array:
    """At most this many of the rows, in their order; the same ones for the same seed."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _stacked(dataset: Dataset, given: Given, schema: Schema) -> tuple[pl.LazyFrame, tuple[int, int, int]]:
    """One table of training, validation and test rows, in this order, and how many there are of each."""
    used = [column.name for column in schema.columns if column.role not in ("ignored", "split")]
    frames, counts = [dataset.frame.select(used)], [dataset.rows]
    for part in (given.validation, given.test):
        counts.append(0 if part is None else part.rows)
        if part is not None:
            missing = [name for name in used if name not in part.frame.collect_schema().names()]
            if missing:
                raise DataError(f"the column '{missing[0]}' is missing.", where=part.where, fix="give the same columns")
            frames.append(part.frame.select(used))
    stacked = frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical_relaxed")
    return stacked, (counts[0], counts[1], counts[2])


def _target(frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> pl.Series | None:
    """The values to predict; of several columns one column of structs."""
    names = [column.name for column in schema.with_role("target")]
    names = list(recipe.targets) if recipe.also else names
    if not names:
        return None
    wanted = pl.col(names[0]) if len(names) == 1 else pl.struct(names)
    return frame.select(wanted).collect(engine="streaming").to_series()


def _encoded(task: Task, values: pl.Series, recipe: Recipe) -> tuple[tuple[str, ...], PerRow]:
    classes = task.classes(values, recipe.positive)
    return classes, task.encode(values, classes)


def weights(frame: pl.LazyFrame, schema: Schema) -> Array | None:
    """(rows,) what each row weighs; None where no column says so. Raises DataError for what is no weight."""
    column = schema.one("weight")
    if column is None:
        return None
    values = frame.select(pl.col(column.name).cast(pl.Float64, strict=False)).collect().to_series()
    found = values.fill_null(float("nan")).to_numpy()
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(bad):
        raise DataError(
            f"row {bad[0]} has no weight of 0 or more.",
            where=f"column '{column.name}'",
            fix="fill or leave out the row",
        )
    return found


def _set_aside(
    dataset: Dataset, given: Given, schema: Schema, parts: tuple[int, int, int]
) -> tuple[Array, Array, bool]:
    """The rows that test, the rows that validate, and whether the data itself says which rows test.

    Raises UsageError where a person and the data both do, and DataError for a part that is none.
    """
    trained, validated, tested = parts
    tests = np.arange(trained + validated, trained + validated + tested)
    validates = np.arange(trained, trained + validated)
    column = schema.one("split")
    if column is None:
        return tests, validates, False
    named = dataset.frame.select(column.name).collect().to_series()
    for option, part, own, by_hand in (
        ("--test", given.test, "test", tests),
        ("--validation", given.validation, "validation", validates),
    ):
        rows = int((named == own).sum())
        if len(by_hand) and rows and part is not None:
            raise UsageError(
                f"the data came split, with {rows:,} {own} rows of its own ('{column.name}' in {dataset.where}), and "
                f"{option} gives {part.rows:,} more ({part.where}).",
                where=option,
                fix=f"leave out {option}, or the split of the data: --set split.kind=random",
            )
    if not (named == "train").any():
        raise DataError("no row is one to train on.", where=f"{dataset.where}, column '{column.name}'")
    of_test = np.flatnonzero((named == "test").to_numpy())
    validates = np.concatenate([np.flatnonzero((named == "validation").to_numpy()), validates])
    return np.concatenate([of_test, tests]), validates, len(of_test) > 0


def _divided(
    frame: pl.LazyFrame,
    schema: Schema,
    recipe: Recipe,
    task: Task,
    target: PerRow | None,
    rows: int,
    tests: Array,
    validates: Array,
    unreadable: tuple[Unreadable, ...] = (),
    *,
    ends: str | None = None,
) -> tuple[Division, Array | None]:
    """The division, and the training rows that are there to choose and calibrate on."""
    divided = division.divide(
        frame,
        schema,
        recipe,
        task,
        target,
        rows,
        given=tests if len(tests) else None,
        # Validation rows choose, so they are never test rows.
        kept=validates if len(validates) else None,
        unreadable=unreadable,
        ends=ends,
    )
    return divided, divided.train[np.isin(divided.train, validates)] if len(validates) else None
