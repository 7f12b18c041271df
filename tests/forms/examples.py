"""Small forms of every kind, with numbers drawn by a fixed seed, and rows to ask them about."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np

from luban.batch import Array
from luban.forms._choice import Choice, Trial
from luban.forms.affine import Affine
from luban.forms.centroids import Centroids
from luban.forms.constant import Constant
from luban.forms.dense import ACTIVATIONS, Dense
from luban.forms.density import Density
from luban.forms.isotonic import Isotonic, Line
from luban.forms.kernel import Kernel
from luban.forms.linked import Linked
from luban.forms.mixture import Mixture
from luban.forms.neighbours import Neighbours
from luban.forms.placed import Placed
from luban.forms.prior import Prior
from luban.forms.rescaled import NUMBERS, Rescaled
from luban.forms.several import Several
from luban.forms.stack import Stack
from luban.forms.temperature import Temperature
from luban.forms.trees import Trees
from luban.forms.weighted import Weighted
from luban.protocols import Form

WIDTH = 3
ROWS = np.random.default_rng(11).normal(size=(70, WIDTH)).astype(np.float32)
"""Rows that the forms are asked about."""

_CHOICE = Choice(2, "silhouette", "the best silhouette of 2 to 3 clusters", (Trial(2, 0.5, 0.9), Trial(3, 0.4, 0.5)))


@functools.cache
def examples() -> dict[str, Form]:
    """The forms by name; a name begins with the kind of the form."""
    random = np.random.default_rng(12)
    affine = Affine(random.normal(size=(WIDTH, 1)), random.normal(size=1), "binary")
    three = Affine(random.normal(size=(WIDTH, 3)), random.normal(size=3), "softmax")
    labels = Affine(random.normal(size=(WIDTH, 3)), random.normal(size=3), "sigmoid")
    points = random.normal(size=(9, WIDTH)).astype(np.float32)
    shares = random.dirichlet(np.ones(3), size=9)
    line = Line(np.array([0.1, 0.4, 0.9]), np.array([0.0, 0.7, 0.95]))
    centres = random.normal(size=(2, WIDTH))
    whitening = np.triu(random.normal(size=(2, WIDTH, WIDTH)), 1) + 1.5 * np.eye(WIDTH)
    forms: dict[str, Form] = {
        "affine-identity": Affine(random.normal(size=(WIDTH, 2)), random.normal(size=2), "identity"),
        "affine-binary": affine,
        "affine-softmax": three,
        "affine-sigmoid": labels,
        "affine-isolation": Affine(random.normal(size=(WIDTH, 1)), random.normal(size=1), "isolation"),
        "centroids": Centroids(centres, 0.7),
        "centroids-chosen": Centroids(centres, 0.7, _CHOICE),
        "constant": Constant(np.array([0.25, 0.75]), WIDTH),
        "density": Density(points, np.arange(9) % 3, np.array([1.0, 2.0]), Choice(2, "density", "two", noise=True)),
        "density-of-noise-alone": Density(points, np.zeros(9, dtype=np.int64), np.zeros(0)),
        "isotonic-of-two-classes": Isotonic(affine, (line,)),
        "isotonic-of-three-classes": Isotonic(three, (line, Line(np.array([0.5]), np.array([0.2])), line)),
        "isotonic-of-labels": Isotonic(labels, (line, line, line), normalise=False),
        "kernel-identity": Kernel(points, random.normal(size=(9, 1)), random.normal(size=1), 0.3, "identity"),
        "kernel-binary": Kernel(points, random.normal(size=(9, 1)), random.normal(size=1), 0.3, "binary"),
        "kernel-votes": Kernel(points, random.normal(size=(9, 6)), random.normal(size=6), 0.3, "votes", (0.7, 0.2)),
        "mixture": Mixture(centres, whitening, np.array([0.3, 0.7]), _CHOICE),
        "neighbours-uniform": Neighbours(points, shares, random.random(9) + 0.5, 4),
        "neighbours-distance": Neighbours(points, shares, random.random(9) + 0.5, 4, "distance"),
        "placed": Placed(three, np.array([0, 2, 3]), 5),
        "rescaled": Rescaled(Constant(np.array([0.5, 2.0]), WIDTH - NUMBERS)),
        "several": Several((three, affine, Constant(np.array([7.5]), WIDTH))),
        "linked": Linked(
            Affine(random.normal(size=(WIDTH, 3)), random.normal(size=3), "identity"),
            ("softmax", "identity"), (2, 1), np.array([1.0, 1.0, 30.0]), np.array([0.0, 0.0, -4.0]),
        ),
        "stack-of-labels": Stack((affine, Constant(np.array([0.6, 0.4]), WIDTH))),
        "stack-of-classes": Stack((affine, Constant(np.array([0.6, 0.4]), WIDTH)), normalise=True),
        "prior": Prior(three, np.array([0.2, 1.5, 3.0])),
        "temperature-of-classes": Temperature(three, 2.5),
        "temperature-of-labels": Temperature(labels, 0.5, labels=True),
        "trees-binary": forest(1, 1, "binary"),
        "trees-complement": forest(1, 1, "complement"),
        "trees-isolation": forest(1, 1, "isolation"),
        "trees-softmax": forest(3, 1, "softmax"),
        "trees-with-wide-leaves": forest(3, 3, "identity"),
        "trees-of-one-leaf": leaves_alone(),
        "weighted": Weighted((three, forest(3, 1, "softmax")), np.array([0.25, 0.75])),
    }  # fmt: skip
    for activation in ACTIVATIONS:
        forms[f"dense-{activation}"] = network(random, activation)
    return forms


def network(random: np.random.Generator, activation: str) -> Dense:
    """A network of two layers whose answer has a unit."""
    sizes = (WIDTH, 4, 1)
    layers = tuple(
        (random.normal(size=(before, after)), random.normal(size=after)) for before, after in pairwise(sizes)
    )
    return Dense(layers, activation, "identity", scale=2.0, offset=10.0)


def forest(sums: int, spread: int, link: str, trees: int = 6) -> Trees:
    """Trees of three splits, drawn at random: the root, then each side once more."""
    random = np.random.default_rng(13)
    children = np.concatenate(
        [[[3 * t + 2, 3 * t + 1], [~(4 * t + 1), ~(4 * t)], [~(4 * t + 3), ~(4 * t + 2)]] for t in range(trees)]
    )
    # Of one sum that is a share itself, all leaves together make a share.
    values = (
        random.random((4 * trees, spread)) / trees if link == "complement" else random.normal(size=(4 * trees, spread))
    )
    return Trees(
        WIDTH,
        random.integers(0, WIDTH, 3 * trees).astype(np.int32),
        random.normal(size=3 * trees).astype(np.float32),
        children.astype(np.int32),
        (3 * np.arange(trees)).astype(np.int32),
        (np.arange(trees) % sums if spread == 1 else np.zeros(trees)).astype(np.int32),
        values.astype(np.float32),
        np.zeros(sums) if link == "complement" else random.normal(size=sums),
        np.ones(sums) if link == "complement" else np.full(sums, 0.5),
        link,
    )


def leaves_alone() -> Trees:
    """Two trees that split nothing."""
    nothing = np.zeros(0, dtype=np.int32)
    return Trees(
        WIDTH,
        nothing,
        nothing.astype(np.float32),
        nothing.reshape(0, 2),
        np.array([-1, -2], dtype=np.int32),
        np.zeros(2, dtype=np.int32),
        np.array([[1.5], [2.0]], dtype=np.float32),
        np.array([10.0]),
        np.array([1.0]),
        "identity",
    )


def slow_trees(form: Trees, row: Array) -> Array:
    """What a forest says to one row before the link, walked one node after the other."""
    total = np.zeros(len(form.base))
    for root, column in zip(form.roots, form.columns, strict=True):
        node = int(root)
        while node >= 0:
            node = int(form.children[node, int(row[form.features[node]] <= form.thresholds[node])])
        leaf = form.values[~node]
        total[column : column + len(leaf)] += leaf
    return np.asarray(total * form.scale + form.base)
