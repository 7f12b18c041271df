"""Small tables, one for each task, that leave every model something to get wrong."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from luban.batch import Array, Batch
from luban.core import registry
from luban.protocols import Form, Model, Work
from luban.recipe.recipe import Candidate
from luban.training.fitting import fit_candidate
from luban.training.unit import sees_tensors

ROWS, WIDTH = 160, 4
ESTIMATORS: dict[str, Model] = {
    name: model
    for name, model in ((name, registry.find("models", name)) for name in registry.names("models"))
    if model.trainer == "estimator" and not (sees_tensors(model) and "multiclass" in model.tasks)
}
"""The models that see a row as one line of a matrix."""
SMALL = {"trees": 20, "rounds": 20, "most": 4}
"""Settings, where a model has them, that make it small enough to be fitted very often."""
UNSEEN = np.random.default_rng(8).normal(size=(80, WIDTH)).astype(np.float32)
"""Rows that no model was fitted on."""


@functools.cache
def table(task: str) -> tuple[Batch, Work]:
    """Rows of a task and what is asked of them; classes overlap, and the last one is rare."""
    random = np.random.default_rng(7)
    inputs = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    signal = inputs[:, 0] + 0.7 * inputs[:, 1] ** 2 + random.normal(size=ROWS)
    target: Array | None = None
    outputs = 1
    if task == "regression":
        target = 30.0 + 12.0 * signal
    elif task == "binary":
        target, outputs = (signal > np.quantile(signal, 0.8)).astype(np.int64), 2
    elif task == "multiclass":
        target, outputs = np.digitize(signal, np.quantile(signal, [0.5, 0.85])).astype(np.int64), 3
    elif task == "multilabel":
        target = np.stack([signal > 0.5, inputs[:, 2] + random.normal(size=ROWS) > 1.0, signal > 2.0], axis=1)
        target, outputs = target.astype(np.int64), 3
    elif task == "forecasting":
        # The last value of each window, scaled; then level and spread. Three steps follow, and the scale of errors.
        level, spread = 100.0 * inputs[:, 1], np.exp(inputs[:, 2])
        noise = 0.3 * random.normal(size=(ROWS, 3))
        steps = (inputs[:, [0]] * [1.0, 0.5, 0.2] + noise) * spread[:, None] + level[:, None]
        inputs = np.stack([inputs[:, 0], level, np.zeros(ROWS), spread], axis=1).astype(np.float32)
        target, outputs = np.concatenate([steps, np.ones((ROWS, 1))], axis=1), 3
    elif task == "clustering":
        centres = np.array([[0, 0, 0, 0], [3.5, 0, 2, 0], [0, 4, 0, 1]])
        inputs = (inputs * [1.0, 0.8, 1.0, 0.6] + centres[np.arange(ROWS) % 3]).astype(np.float32)
    return Batch(inputs, target), Work(task, outputs, ROWS, WIDTH)


def fit(
    name: str, batch: Batch, work: Work, *, seed: int = 0, threads: int = 1, settings: dict[str, Any] | None = None
) -> Form:
    """The fitted form of a model, which is small where the settings do not say otherwise.

    settings: those that the model does not have are left out.
    """
    asked = SMALL | (settings or {})
    known = {key: value for key, value in asked.items() if key in ESTIMATORS[name].Settings.model_fields}
    candidate = Candidate(model=name, settings=known)
    return fit_candidate(batch, work, candidate, seed=seed, threads=threads)
