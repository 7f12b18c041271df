"""Ensembles of trees in an ONNX graph: whether native code, which follows references without looking, may run them."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Array

OPERATOR = "TreeEnsembleRegressor"
MOST_TARGETS = 1 << 26
_ATTRIBUTES = {
    "n_targets",
    "aggregate_function",
    "post_transform",
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_values",
    "nodes_modes",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
}


def problem(node: Any, width: int, inputs: str) -> str | None:
    """Why a node is not run; None for trees that luban would have written.

    Trees are numbered from 0 one after the other, and so are the nodes of each, parents before children.
    width: how many numbers a row of the tensor `inputs` has, the only one that is read.
    """
    given = {attribute.name: attribute for attribute in node.attribute}
    if set(given) != _ATTRIBUTES or len(node.attribute) != len(given) or list(node.input) != [inputs]:
        return "its trees are not written as luban writes them"
    if given["aggregate_function"].s != b"SUM" or given["post_transform"].s != b"NONE":
        return "its trees are not summed"

    def numbers(name: str) -> Array:
        return np.array(given[name].ints, dtype=np.int64)

    tree, number = numbers("nodes_treeids"), numbers("nodes_nodeids")
    feature, left, right = numbers("nodes_featureids"), numbers("nodes_truenodeids"), numbers("nodes_falsenodeids")
    modes = np.array(given["nodes_modes"].strings, dtype=object)
    count = len(tree)
    lengths = {len(number), len(feature), len(left), len(right), len(modes), len(given["nodes_values"].floats)}
    if count == 0 or lengths != {count}:
        return "its trees have lists of different lengths"
    if tree[0] != 0 or not np.isin(np.diff(tree), (0, 1)).all():
        return "its trees are not in order"
    starts = np.searchsorted(tree, np.arange(tree[-1] + 1))
    sizes = np.diff(np.append(starts, count))
    if (number != np.arange(count) - starts[tree]).any() or (feature < 0).any() or (feature >= width).any():
        return "a tree node has a wrong number, or looks at an input that does not exist"
    leaf = modes == b"LEAF"
    if not (leaf | (modes == b"BRANCH_LEQ")).all() or (left[leaf] != 0).any() or (right[leaf] != 0).any():
        return "a tree node is of a kind that is not used"
    inner = ~leaf
    children = np.concatenate([(starts[tree] + child)[inner] for child in (left, right)])
    below, size = np.concatenate([left[inner], right[inner]]), np.tile(sizes[tree][inner], 2)
    if (below <= np.tile(number[inner], 2)).any() or (below >= size).any():
        return "a tree node leads to a node that does not exist"
    if len(np.unique(children)) != len(children) or len(children) + len(starts) != count:
        return "a tree node has no parent, or two"
    return _problem_of_targets(given, numbers, starts, sizes, leaf)


def _problem_of_targets(given: Any, numbers: Any, starts: Array, sizes: Array, leaf: Array) -> str | None:
    """Every value belongs to a leaf that exists, and adds to an output that exists."""
    tree, number, output = numbers("target_treeids"), numbers("target_nodeids"), numbers("target_ids")
    targets = given["n_targets"].i
    lengths = {len(number), len(output), len(given["target_weights"].floats)}
    if lengths != {len(tree)} or not len(tree) or not 1 <= targets <= MOST_TARGETS:
        return "its leaves have lists of different lengths"
    if (tree < 0).any() or (tree >= len(starts)).any() or (output < 0).any() or (output >= targets).any():
        return "a leaf belongs to a tree or an output that does not exist"
    if (number < 0).any() or (number >= sizes[tree]).any() or not leaf[starts[tree] + number].all():
        return "a value belongs to a leaf that does not exist"
    return None
