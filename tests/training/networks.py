"""Small trainings of networks that several tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Batch
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import gradient
from luban.training.request import Asked

CANDIDATE = Candidate(model="mlp", settings={"units": [16]})


def table(rows: int = 240, classes: int = 3, seed: int = 0) -> tuple[Batch, Work]:
    """A table whose class follows two of its eight columns."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 8)).astype(np.float32)
    target = np.digitize(inputs[:, 0] + inputs[:, 1], [-0.7, 0.7][: classes - 1]).astype(np.int64)
    task = "binary" if classes == 2 else "multiclass"
    return Batch(inputs, target), Work(task, classes, rows, 8, shapes={"table": Shape("vector", (8,))})


def decided(**changes: Any) -> Train:
    """A recipe's part in which nothing is left open."""
    values: dict[str, Any] = {
        "epochs": 4, "batch_size": 32, "learning_rate": 0.01, "augment": {}, "precision": "float32",
        "device": "cpu", "patience": 5, "stopping": 0.0,
    }  # fmt: skip
    return Train(**{**values, **changes})


def train(batch: Batch, work: Work, how: Train, **options: Any) -> gradient.Trained:
    candidate = options.pop("candidate", CANDIDATE)
    return gradient.fit(batch, work, candidate, Asked(how, options.pop("seed", 0), **options))


def same(one: gradient.Trained, other: gradient.Trained) -> bool:
    """Whether two trainings ended with the same weights, bit for bit."""
    return all(np.array_equal(one.form.weights[name], other.form.weights[name]) for name in one.form.weights)
