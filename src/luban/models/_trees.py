"""From the trees of scikit-learn to the form `trees`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from luban.batch import Array
from luban.core import registry
from luban.protocols import Form


def form(trees: Sequence[Any], leaves: Sequence[Array], width: int, base: Array, scale: Array, link: str) -> Form:
    """The form of some fitted trees (`sklearn.tree._tree.Tree`).

    leaves: for each tree the (nodes, spread) values of all its nodes, of which those of leaves are taken.
    """
    kind = registry.find("forms", "trees")
    from luban.forms.trees import float32_not_above

    features, thresholds, children, roots, values = [], [], [], [], []
    inner_before = leaves_before = 0
    for tree, value in zip(trees, leaves, strict=True):
        is_leaf = tree.children_left < 0
        number = np.empty(tree.node_count, dtype=np.int64)
        number[~is_leaf] = inner_before + np.arange(int((~is_leaf).sum()))
        number[is_leaf] = ~(leaves_before + np.arange(int(is_leaf.sum())))
        inner = np.flatnonzero(~is_leaf)
        features.append(tree.feature[inner])
        thresholds.append(float32_not_above(tree.threshold[inner]))
        children.append(np.stack([number[tree.children_right[inner]], number[tree.children_left[inner]]], axis=1))
        roots.append(number[0])
        values.append(value[is_leaf])
        inner_before += len(inner)
        leaves_before += int(is_leaf.sum())
    result: Form = kind(
        width,
        np.concatenate(features).astype(np.int32),
        np.concatenate(thresholds).astype(np.float32),
        np.concatenate(children).astype(np.int32),
        np.array(roots, dtype=np.int32),
        np.zeros(len(roots), dtype=np.int32),
        np.concatenate(values).astype(np.float32),
        base,
        scale,
        link,
    )
    return result
