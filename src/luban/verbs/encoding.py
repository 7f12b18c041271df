"""From prepared rows to the encoded rows that workers train on, in the folder of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array, dense, matrix
from luban.collate import TABLE
from luban.core import registry
from luban.core.seed import derive
from luban.data import division, encoded, loader
from luban.data.loader import sampled
from luban.protocols import Modelling, Shape, Spanning, Work
from luban.recipe.recipe import Recipe
from luban.training import spanning
from luban.training.unit import HELD_BACK, Repairing, Training
from luban.training.work_folder import TENSORS, WorkFolder
from luban.training.writing import TASK
from luban.verbs.preparing import Prepared

if TYPE_CHECKING:
    from luban.data.tensor_preprocessor import TensorPreprocessor

TESTED, TESTED_BY_WRITING = 50_000, 2_000
"""Test rows that are measured, at most; more hardly narrow the interval, and to write texts takes long."""
ONE_PART, MOST_HELD_OUT, MOST_WRITTEN = 0.1, 5_000, 500
"""Share of the training rows that is held out where one part is, and the most rows, or texts that are written for them:
more hardly tell models apart."""
BYTES = 3
"""Bytes of a text that make a token, about."""
MANY = 2_000
"""Training rows from which models are compared on one part of them, where networks are among the models."""
FEW, REPEATS = 500, 3
"""Training rows under which cross-validation is repeated, and how often it is done where nobody said it."""


def tested_at_most(task: str) -> int:
    """Test rows that are measured for a task, at most."""
    return TESTED_BY_WRITING if task == TASK else TESTED


def test_rows(prepared: Prepared) -> Array:
    """The test rows that are measured: all, or the same sample each time where there are very many."""
    most = tested_at_most(prepared.task.name)
    return sampled(prepared.division.test, most, derive(prepared.recipe.seed, "tested"))


def encode(prepared: Prepared, folder: WorkFolder, name: str) -> Training:
    """The rows as numbers, training rows first; written once, and found again by a run that continues."""
    if not folder.has_training(name):
        rows = rows_of(prepared)
        parts = folds(prepared, len(test_rows(prepared)))
        encoded.write(prepared.frame, rows, prepared.preprocessor, folder.encoded(name))
        if prepared.tensors is not None:
            encoded.write(prepared.frame, rows, prepared.tensors, folder.encoded(name) / TENSORS)
        folder.write_training(
            name,
            target=None if prepared.target is None else prepared.target[rows],
            weight=None if prepared.weight is None else prepared.weight[rows],
            folds=parts,
            work=work(prepared),
            train=prepared.recipe.train,
            tensor_work=None if prepared.tensors is None else tensor_work(prepared, prepared.tensors),
            reach=reach(prepared, parts[0]),
            repair=repairing(prepared.recipe),
        )
    return folder.training(name, prepared.recipe.seed)


def repairing(recipe: Recipe) -> Repairing:
    """What happens to problems of a training. Candidates that a run recorded were repaired then, and stay as they are,
    so that fitting its recipe again gives the same bundle.
    """
    return "off" if recipe.model.candidates is not None else recipe.repair


def reach(prepared: Prepared, parts: Array) -> Array | None:
    """(encoded rows,) int64: the last fold into which the target of a row reaches; None where each has one moment.

    parts: (encoded rows,) the fold of each.
    """
    division = prepared.division
    if division.reach is None or division.order is None:
        return None
    rows = rows_of(prepared)
    order, until = division.order[rows], division.reach[rows]
    starts = np.array([order[parts == fold].min() for fold in range(int(parts.max()) + 1)])
    return np.searchsorted(starts, until, side="right") - 1


def work(prepared: Prepared) -> Work:
    """What models are asked to do."""
    season = prepared.recipe.forecast.season
    return Work(
        task=prepared.task.name,
        outputs=prepared.task.outputs(prepared.classes),
        rows=len(prepared.division.train),
        width=prepared.preprocessor.width,
        sparse=prepared.preprocessor.sparse,
        loss=prepared.recipe.train.loss,
        class_weight=prepared.recipe.train.class_weight,
        season=season if isinstance(season, int) else 1,
        quantiles=tuple(sorted(prepared.recipe.train.quantiles)) if prepared.recipe.train.loss == "quantile" else (),
        targets=tuple((t.task.name, t.outputs) for t in getattr(prepared.task, "targets", ())),
        window=spanning.window(prepared.recipe.features) if isinstance(prepared.task, Spanning) else 0,
        shapes={} if prepared.preprocessor.sparse else {TABLE: Shape("vector", (prepared.preprocessor.width,))},
    )


def tensor_work(prepared: Prepared, tensors: TensorPreprocessor) -> Work:
    """What networks are asked to do, and of texts that are learned themselves, which tokens begin a word."""
    found = replace(work(prepared), shapes=tensors.shapes)
    if not isinstance(prepared.task, Modelling):
        return found
    (part,) = tensors.parts
    if part.kind != "text":
        return found
    begins = registry.find("features", part.kind).tensor.begins(part.state)
    return replace(found, begins=np.packbits(begins).tobytes().hex())


def folds(prepared: Prepared, held_back: int) -> Array:
    """(partitions, rows) int64: the fold that holds a row out; -1 for rows that only train, HELD_BACK for test rows."""
    train, recipe = prepared.division.train, prepared.recipe
    behind = np.full(held_back, HELD_BACK)
    if not prepared.task.supervised:
        return np.concatenate([np.full(len(train), -1), behind])[None]
    if prepared.validation is not None:
        return np.concatenate([np.where(np.isin(train, prepared.validation), 0, -1), behind])[None]
    if prepared.tensors is not None and len(train) >= MANY:
        # Every part in turn would train each network several times over.
        most = MOST_WRITTEN if prepared.task.name == TASK else MOST_HELD_OUT
        share = min(ONE_PART, most / len(train))
        held_out = division.held_out(prepared.division, prepared.target, prepared.task, share, recipe.seed)
        return np.concatenate([np.where(held_out, 0, -1), behind])[None]
    count = recipe.split.folds
    if prepared.division.reach is not None and isinstance(recipe.forecast.horizon, int):
        # What lies between a fold and those that train for it is lost, so folds are longer than the horizon.
        moments = len(np.unique(prepared.division.order[train]))  # type: ignore[index]
        count = int(np.clip(moments // (2 * recipe.forecast.horizon) - 1, 2, count))
    # Forward folds of time have one order, so repeating them would repeat the same.
    again = len(train) < FEW and prepared.division.within != "time"
    repeats = REPEATS if recipe.train.repeats == "auto" else recipe.train.repeats
    partitions = [
        division.folds(prepared.division, prepared.target, prepared.task, count, derive(recipe.seed, "folds", repeat))
        for repeat in range(repeats if again else 1)
    ]
    return np.stack([np.concatenate([partition, behind]) for partition in partitions])


def rows_of(prepared: Prepared) -> Array:
    """The row of the table behind each encoded row."""
    return np.concatenate([prepared.division.train, test_rows(prepared)])


def stored_numbers(prepared: Prepared) -> float:
    """How many numbers an encoded row takes, on average."""
    if isinstance(prepared.task, Modelling):
        (column,) = prepared.schema.inputs
        texts = loader.take(prepared.frame, prepared.division.train[:1000], [column.name]).get_column(column.name)
        return max(float(dense(prepared.task.sizes(texts)).mean()) / BYTES, 1.0)
    if not prepared.preprocessor.sparse:
        return float(prepared.preprocessor.width)
    some = loader.take(prepared.frame, prepared.division.train[:1000])
    return max(matrix(prepared.preprocessor.transform(some)).nnz / len(some), 1.0)
