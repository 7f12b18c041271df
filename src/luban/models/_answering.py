"""What trainers share: classes that a fold has none of, labels one at a time, and weights that balance classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from luban.batch import Array, Batch, Inputs, dense, matrix
from luban.core import registry
from luban.evidence.fits import Ending, tell
from luban.protocols import Form, Work

PREDICTED = frozenset({"regression", "binary", "multiclass", "multilabel"})
"""The tasks with a target of its own in every row."""
STEPWISE = PREDICTED | {"forecasting"}
"""Those, and the one that asks for several steps of a series."""

Classifying = Callable[[Inputs, Array, int, "Array | None"], Form]
"""`(inputs, codes, classes, weight)`: the form for two or more classes, each of which occurs."""
Regressing = Callable[[Inputs, Array, "Array | None"], Form]
"""`(inputs, values, weight)`: the form for values."""


def fitted(batch: Batch, work: Work, classify: Classifying, regress: Regressing) -> Form:
    """The form for whatever target the batch has: values, classes, or labels (one question each)."""
    target = dense(batch.target)
    if work.task == "regression":
        return regress(batch.inputs, target, batch.weight)
    if work.task != "multilabel":
        return _classes(batch.inputs, target, work.outputs, balanced(target, batch.weight, work), classify)
    members = [_classes(batch.inputs, labels, 2, balanced(labels, batch.weight, work), classify) for labels in target.T]
    stack: Form = registry.find("forms", "stack")(tuple(members))
    return stack


def stepwise(batch: Batch, work: Work, regress: Regressing) -> Form:
    """The form for several steps, each asked for by itself. batch.target: (rows, steps)."""
    steps = [regress(batch.inputs, np.ascontiguousarray(step), batch.weight) for step in dense(batch.target).T]
    stack: Form = registry.find("forms", "stack")(tuple(steps))
    return stack


def spread(form: Form, inputs: Inputs, target: Array, shares: tuple[float, ...]) -> Form:
    """The affine form with the quantiles of its own errors behind each other: all steps of the smallest share first.

    The form itself where no quantiles are asked for.
    """
    if not shares:
        return form
    errors = target - form.outputs(inputs)
    bias = np.concatenate([form.bias + np.quantile(errors, share, axis=0) for share in shares])  # type: ignore[attr-defined]
    weights = np.tile(form.weights, (1, len(shares)))  # type: ignore[attr-defined]
    affine: Form = registry.find("forms", "affine")(weights, bias, "identity")
    return affine


def _classes(inputs: Inputs, target: Array, outputs: int, weight: Array | None, classify: Classifying) -> Form:
    present, codes = np.unique(target, return_inverse=True)
    if len(present) == 1:
        answer = (np.arange(outputs) == present[0]).astype(np.float64)
        constant: Form = registry.find("forms", "constant")(answer, int(matrix(inputs).shape[1]))
        return constant
    form = classify(inputs, codes, len(present), weight)
    if len(present) == outputs:
        return form
    placed: Form = registry.find("forms", "placed")(form, present.astype(np.int64), outputs)
    return placed


def balanced(target: Array, weight: Array | None, work: Work) -> Array | None:
    """The weights of the rows; balanced so that each class weighs the same, where that is asked for."""
    if work.class_weight != "balanced":
        return weight
    own = np.ones(len(target)) if weight is None else weight
    present, codes = np.unique(target, return_inverse=True)
    shares = np.bincount(codes, own)
    return np.asarray(own * own.sum() / (len(present) * shares[codes]))


def folds(codes: Array, count: int, seed: int) -> Array:
    """(rows,) int64 in [0, count): each fold has its share of each class."""
    order = np.random.default_rng(seed).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % count
    return fold


@contextmanager
def unconverged() -> Iterator[None]:
    """Lets a trainer end at its limit of iterations without a warning: its score says what that was worth."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@contextmanager
def iterated(estimator: Any) -> Iterator[None]:
    """The same for an estimator of scikit-learn that is fitted within; how it ended is told to whoever listens."""
    with unconverged():
        yield
    taken = getattr(estimator, "n_iter_", None)
    if taken is None or getattr(estimator, "max_iter", None) is None:
        return
    iterations, limit = int(np.max(taken)), int(estimator.max_iter)
    tell(Ending(type(estimator).__name__, iterations, limit, converged=iterations < limit))
