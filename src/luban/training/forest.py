"""Forests of extremely randomised trees for quick looks at rows (Geurts, Ernst and Wehenkel, 2006).

The trees are scikit-learn's, the same to the last bit. Its ensembles check, copy and schedule around each tree, which
for some hundred rows takes five times as long as the tree; here they are grown by its parts. Models that a bundle keeps
are in `models/extra_trees.py`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from luban.batch import Array

LEAF = 3
"""Rows in a leaf, at least."""
DEEPEST = 2**31 - 1


@dataclass(frozen=True)
class Grown:
    """outputs: (rows asked, classes) probabilities, or (rows asked,) values. importance: (columns,), its sum is 1."""

    outputs: Array
    importance: Array


def grown(
    inputs: Array, target: Array, asked: Array, *, classes: int, trees: int, seed: int, balanced: bool = False
) -> Grown:
    """What a forest that is fitted on the inputs, (rows, columns) and finite, says of the rows asked.

    target: (rows,) codes below `classes`, or values where `classes` is 0. balanced: whether classes weigh the same.
    Raises ValueError where there is no column.

    >>> rows = np.arange(40.0)[:, None]
    >>> grown(rows, np.arange(40) // 20, rows[[0, -1]], classes=2, trees=9, seed=0).outputs.round(1).tolist()
    [[0.9, 0.1], [0.1, 0.9]]
    """
    if not inputs.shape[1]:
        raise ValueError("there is no column to learn from.")
    parts = _parts()
    if parts is None:
        return _by_ensemble(inputs, target, asked, classes=classes, trees=trees, seed=seed, balanced=balanced)
    random = np.random.RandomState(seed)
    seeds = [random.randint(DEEPEST) for _ in range(trees)]
    present, codes = np.unique(target, return_inverse=True) if classes else (np.zeros(1), target)
    rows, others = (np.ascontiguousarray(each, dtype=np.float32) for each in (inputs, asked))
    wanted = np.ascontiguousarray(codes, dtype=np.float64).reshape(-1, 1)
    weight = _weights(codes) if balanced else None
    total, importance = np.zeros((len(asked), len(present))), []
    for tree in (_tree(parts, rows, wanted, weight, len(present) if classes else 0, own) for own in seeds):
        total += tree.predict(others).reshape(len(asked), -1)[:, : len(present)]
        if tree.node_count > 1:
            importance.append(tree.compute_feature_importances())
    total /= trees
    mean = np.mean(importance, axis=0) if importance else np.zeros(rows.shape[1])
    told = mean / mean.sum() if mean.sum() > 0 else mean
    if not classes:
        return Grown(total[:, 0], told)
    outputs = np.zeros((len(asked), classes))
    outputs[:, present] = total
    return Grown(outputs, told)


def _tree(parts: SimpleNamespace, rows: Array, target: Array, weight: Array | None, classes: int, seed: int) -> Any:
    """One tree. classes: how many there are among the rows; 0 for values."""
    columns = rows.shape[1]
    outputs = np.array([classes or 1], dtype=np.intp)
    criterion = parts.Gini(1, outputs) if classes else parts.MSE(1, len(rows))
    looked_at = max(1, int(np.sqrt(columns))) if classes else columns
    splitter = parts.RandomSplitter(criterion, looked_at, LEAF, 0.0, np.random.RandomState(seed), None)
    tree = parts.Tree(columns, outputs, 1)
    parts.DepthFirstTreeBuilder(splitter, 2, LEAF, 0.0, DEEPEST, 0.0).build(tree, rows, target, weight, None)
    return tree


def _weights(codes: Array) -> Array:
    """(rows,) with which every class weighs the same, as much as the mean class without."""
    counts = np.bincount(codes)
    return (len(codes) / (len(counts) * counts))[codes]


@functools.cache
def _parts() -> SimpleNamespace | None:
    """The parts that scikit-learn's trees consist of; None for a version in which they are called otherwise."""
    try:
        from sklearn.tree._criterion import MSE, Gini
        from sklearn.tree._splitter import RandomSplitter
        from sklearn.tree._tree import DepthFirstTreeBuilder, Tree

        parts = SimpleNamespace(
            MSE=MSE, Gini=Gini, RandomSplitter=RandomSplitter, DepthFirstTreeBuilder=DepthFirstTreeBuilder, Tree=Tree
        )
        rows = np.arange(8, dtype=np.float32)[:, None]
        for classes in (0, 2):
            _tree(parts, rows, (rows > 3).astype(np.float64), None, classes, 0).predict(rows)
    except (ImportError, TypeError, ValueError, AttributeError):
        return None
    return parts


def _by_ensemble(
    inputs: Array, target: Array, asked: Array, *, classes: int, trees: int, seed: int, balanced: bool
) -> Grown:
    """The same by scikit-learn's ensembles."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    settings: dict[str, Any] = {"n_estimators": trees, "min_samples_leaf": LEAF, "random_state": seed, "n_jobs": 1}
    if not classes:
        forest = ExtraTreesRegressor(**settings).fit(inputs, target)
        return Grown(forest.predict(asked), forest.feature_importances_)
    forest = ExtraTreesClassifier(**settings, class_weight="balanced" if balanced else None).fit(inputs, target)
    outputs = np.zeros((len(asked), classes))
    outputs[:, forest.classes_] = forest.predict_proba(asked)
    return Grown(outputs, forest.feature_importances_)
