"""An ensemble of binary decision trees as flat arrays: forests, gradient boosting, isolation forests.

    inner nodes  0, 1, 2, ...    features[i], thresholds[i], children[i] = (where above, where at most the threshold)
    leaves       0, 1, 2, ...    values[leaf]
    a reference to a node is its number; a reference to a leaf is ~number, which is negative

Inputs are float32, so `x <= t` is the same for a float64 threshold t and for the largest float32 that is not above t
(`float32_not_above`). Stored as that, native answers, ONNX and the library that grew the tree go the same way always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, matrix
from luban.forms import _links
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._rows import check_width, in_pieces, is_sparse
from luban.protocols import Builder, NoGraph, State

MOST_DEEP = 512
"""No tree that luban grows is deeper, so none can make an answer wait."""
_MOST_GRAPH_NODES = 1_000_000
_PAIRS = 1 << 19
"""Rows times trees that are walked at once."""


@final
@dataclass(frozen=True, eq=False)
class Trees:
    """link(base + scale * the sum of the leaves that a row falls into).

    width: how many inputs a row has.
    features (nodes,) int32, thresholds (nodes,) float32, children (nodes, 2) int32: the inner nodes, see above.
    roots: (trees,) int32 references. columns: (trees,) int32, the first of the sums that a tree's leaves add to.
    values: (leaves, spread) float32; a leaf of tree t adds them to the sums from columns[t] on.
    base, scale: (sums,) float64. link: one of `_links.LINKS`.

    >>> stump = Trees(1, np.array([0], np.int32), np.array([0.5], np.float32), np.array([[-2, -1]], np.int32),
    ...               np.array([0], np.int32), np.array([0], np.int32), np.array([[10.0], [20.0]], np.float32),
    ...               np.zeros(1), np.ones(1), "identity")
    >>> stump.outputs(np.array([[0.5], [0.6]], np.float32)).tolist()
    [[10.0], [20.0]]
    """

    kind: ClassVar[str] = "trees"
    width: int
    features: Array
    thresholds: Array
    children: Array
    roots: Array
    columns: Array
    values: Array
    base: Array
    scale: Array
    link: str

    @property
    def output_width(self) -> int:
        return _links.output_width(self.link, len(self.base))

    def outputs(self, inputs: Inputs) -> Array:
        if not is_sparse(inputs):
            return in_pieces(inputs, self.width, self.output_width, lambda rows: self._answer(rows, self.features))
        # Trees look at few of the many columns of a sparse matrix, so only those are made dense.
        used, place = self._used
        check_width(inputs, self.width)
        return in_pieces(matrix(inputs)[:, used], len(used), self.output_width, lambda rows: self._answer(rows, place))

    @cached_property
    def _used(self) -> tuple[Array, Array]:
        """The features that any node looks at, and for each node the place of its feature among them."""
        used, place = np.unique(self.features, return_inverse=True)
        return used, place.astype(np.int32)

    @cached_property
    def _spreading(self) -> Array:
        """(trees, sums): where the only value of a leaf goes."""
        return (self.columns[:, None] == np.arange(len(self.base))).astype(np.float64)

    def stages(self, inputs: Inputs, ends: Sequence[int]) -> Iterator[Array]:
        """(rows, outputs) by the first trees alone, for each number of trees in `ends`, which ascend."""
        start, sums = 0, np.zeros((int(inputs.shape[0]), len(self.base)))
        ones, zeros = np.ones_like(self.scale), np.zeros_like(self.base)
        for end in ends:
            part = slice(start, end)
            some = replace(
                self, roots=self.roots[part], columns=self.columns[part], base=zeros, scale=ones, link="identity"
            )
            sums, start = sums + some.outputs(inputs), end
            yield _links.apply(self.link, sums * self.scale + self.base)

    def _answer(self, rows: Array, features: Array) -> Array:
        step = max(1, _PAIRS // len(self.roots))
        sums = np.empty((len(rows), len(self.base)))
        for start in range(0, len(rows), step):
            sums[start : start + step] = self._sums(rows[start : start + step], features)
        return _links.apply(self.link, sums * self.scale + self.base)

    def _sums(self, rows: Array, features: Array) -> Array:
        leaves = self.values[self._leaves(rows, features)]  # (rows, trees, spread)
        if leaves.shape[2] == len(self.base):
            return np.asarray(leaves.sum(axis=1, dtype=np.float64))
        return np.asarray(leaves[:, :, 0].astype(np.float64) @ self._spreading)

    def _leaves(self, rows: Array, features: Array) -> Array:
        """(rows, trees): the leaf of each tree that each row falls into. All trees are walked at the same time."""
        count, width = rows.shape
        flat = rows.ravel()
        children = self.children.ravel()
        reached = np.tile(self.roots, count)
        walking = np.flatnonzero(reached >= 0)  # pairs of row and tree that are not at a leaf yet
        node = reached[walking]
        first = walking // len(self.roots) * width  # where the row of each pair starts in `flat`
        while len(walking):
            left = flat[first + features[node]] <= self.thresholds[node]
            node = children[2 * node + left]
            reached[walking] = node
            inner = node >= 0
            walking, node, first = walking[inner], node[inner], first[inner]
        return np.asarray(~reached.reshape(count, len(self.roots)))

    def state(self) -> State:
        names = ("features", "thresholds", "children", "roots", "columns", "values", "base", "scale")
        return State({"width": self.width, "link": self.link}, {name: getattr(self, name) for name in names})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        width, link = checked.width(), checked.choice("link", _links.LINKS)
        base = checked.array("base", "float64", None)
        scale = checked.array("scale", "float64", len(base))
        values = checked.array("values", "float32", None, None)
        roots = checked.array("roots", "int32", None)
        columns = checked.array("columns", "int32", len(roots))
        nodes = len(values) - len(roots)  # a binary tree has one leaf more than it has inner nodes
        if nodes < 0:
            raise checked.fail(f"{len(roots)} trees cannot have {len(values)} leaves")
        features = checked.array("features", "int32", nodes)
        thresholds = checked.array("thresholds", "float32", nodes)
        children = checked.array("children", "int32", nodes, 2)
        checked.end()
        if len(base) > MOST_OUTPUTS or not _links.fits(link, len(base)):
            raise checked.fail(f"the link '{link}' does not follow {len(base)} sums")
        if values.shape[1] not in (1, len(base)):
            raise checked.fail(f"leaves of {values.shape[1]} values do not add to {len(base)} sums")
        if columns.min() < 0 or int(columns.max()) + values.shape[1] > len(base):
            raise checked.fail("a tree adds to an output that does not exist")
        if nodes and (features.min() < 0 or features.max() >= width):
            raise checked.fail("a node looks at an input that does not exist")
        problem = _not_a_forest(roots, children, len(values))
        if problem is not None:
            raise checked.fail(problem)
        return cls(width, features, thresholds, children, roots, columns, values, base, scale, link)

    def graph(self, builder: Builder, inputs: str) -> str:
        if len(self.features) > _MOST_GRAPH_NODES:
            raise NoGraph(f"its {len(self.features):,} tree nodes would make a graph of more than 100 MB")
        sums = builder.node(
            "TreeEnsembleRegressor",
            inputs,
            domain="ai.onnx.ml",
            n_targets=len(self.base),
            aggregate_function="SUM",
            post_transform="NONE",
            **self._ensemble(),
        )
        scaled = builder.node("Mul", builder.double(sums), builder.constant(self.scale))
        return _links.draw(self.link, builder, builder.node("Add", scaled, builder.constant(self.base)))

    def _ensemble(self) -> dict[str, Any]:
        """The attributes of the ONNX operator: inner nodes and leaves of a tree are numbered from 0, parents first."""
        nodes, leaves = len(self.features), len(self.values)
        tree = _tree_of(self.roots, self.children, leaves)
        order = np.argsort(tree, kind="stable")  # tree by tree; within one the inner nodes, then its leaves
        starts = np.searchsorted(tree[order], np.arange(len(self.roots)))
        number = np.empty(nodes + leaves, dtype=np.int64)
        number[order] = np.arange(nodes + leaves) - starts[tree[order]]
        below = np.where(self.children >= 0, self.children, nodes + ~self.children.astype(np.int64))
        no, zeros = np.zeros(leaves, dtype=np.int64), np.zeros(leaves, dtype=np.float32)

        def listed(inner: Array, of_leaves: Array) -> list[int]:
            return list(np.concatenate([inner, of_leaves])[order].tolist())

        spread = self.values.shape[1]
        places = order[order >= nodes]
        return {
            "nodes_treeids": tree[order].tolist(),
            "nodes_nodeids": number[order].tolist(),
            "nodes_featureids": listed(self.features, no),
            "nodes_values": listed(self.thresholds, zeros),
            "nodes_modes": ["BRANCH_LEQ" if place < nodes else "LEAF" for place in order.tolist()],
            "nodes_truenodeids": listed(number[below[:, 1]], no),
            "nodes_falsenodeids": listed(number[below[:, 0]], no),
            "target_treeids": np.repeat(tree[places], spread).tolist(),
            "target_nodeids": np.repeat(number[places], spread).tolist(),
            "target_ids": (self.columns[tree[places]][:, None] + np.arange(spread)).ravel().tolist(),
            "target_weights": self.values[places - nodes].ravel().tolist(),
        }


def float32_not_above(thresholds: Array) -> Array:
    """The largest float32 that is not above each float64 threshold.

    >>> float(float32_not_above(np.array([0.1]))[0]) <= 0.1
    True
    """
    largest = np.finfo(np.float32).max
    nearest = np.clip(thresholds, -largest, largest).astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest).astype(np.float32)


def _not_a_forest(roots: Array, children: Array, leaves: int) -> str | None:
    """Why the references do not make binary trees of bounded depth, or None."""
    references = np.concatenate([roots, children.ravel()])
    inner, outer = references[references >= 0], ~references[references < 0]
    if len(inner) and inner.max() >= len(children):
        return "a reference leads to a node that does not exist"
    if len(outer) != leaves or not (np.bincount(np.minimum(outer, leaves), minlength=leaves)[:leaves] == 1).all():
        return "a leaf belongs to no tree, or to more than one node"
    if len(children) and not (np.bincount(inner, minlength=len(children)) == 1).all():
        return "a node belongs to no tree, or to more than one node"
    if ((children >= 0) & (children <= np.arange(len(children))[:, None])).any():
        return "a node comes before its parent"
    depth, level = 0, roots[roots >= 0]
    while len(level):
        depth += 1
        if depth > MOST_DEEP:
            return f"a tree is deeper than {MOST_DEEP}"
        level = children[level].ravel()
        level = level[level >= 0]
    return None


def _tree_of(roots: Array, children: Array, leaves: int) -> Array:
    """(inner nodes + leaves,): the tree that each belongs to."""
    nodes = len(children)
    tree = np.empty(nodes + leaves, dtype=np.int64)
    level, owner = roots.astype(np.int64), np.arange(len(roots))
    while len(level):
        tree[np.where(level >= 0, level, nodes + ~level)] = owner
        inner = level >= 0
        level, owner = children[level[inner]].ravel().astype(np.int64), np.repeat(owner[inner], 2)
    return tree


form = Trees
