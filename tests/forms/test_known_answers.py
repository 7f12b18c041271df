"""Forms against slow and obvious references, and states whose parts fit each other wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from forms.examples import ROWS, WIDTH, examples
from luban.batch import Array
from luban.core.errors import BundleError
from luban.forms import _links
from luban.forms._choice import Choice, Trial
from luban.forms.affine import Affine
from luban.forms.isotonic import Isotonic, Line
from luban.forms.neighbours import Neighbours
from luban.forms.prior import corrected
from luban.forms.temperature import Temperature
from luban.forms.trees import MOST_DEEP, Trees, float32_not_above
from luban.protocols import State


def example(name: str) -> Any:
    return examples()[name]


# Against references


@pytest.mark.parametrize("name", ["neighbours-uniform", "neighbours-distance"])
def test_neighbours_are_the_weighted_mean_of_the_nearest(name: str) -> None:
    form = example(name)
    for row, said in zip(ROWS, form.outputs(ROWS), strict=True):
        away = np.sqrt(np.square(form.rows.astype(np.float64) - row).sum(axis=1))
        near = np.argsort(away)[: form.count]
        weight = form.weight[near] / (away[near] if form.weighting == "distance" else 1.0)
        assert said == pytest.approx(np.average(form.targets[near], axis=0, weights=weight), rel=1e-6)


def test_all_rows_as_near_as_the_last_neighbour_count() -> None:
    corners = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32)
    targets = np.array([[0.0], [1.0], [2.0], [5.0]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        form = Neighbours(corners[order], targets[order], np.ones(4), 1)
        assert form.outputs(np.zeros((1, 2), np.float32))[0, 0] == pytest.approx(2.0)


def test_a_row_that_is_stored_gets_its_own_target_by_distance() -> None:
    form = replace(example("neighbours-distance"))
    assert form.outputs(form.rows) == pytest.approx(form.targets, abs=1e-4)


def test_a_mixture_divides_the_densities_of_its_normal_distributions() -> None:
    form = example("mixture")
    densities = [
        weight * multivariate_normal(mean, np.linalg.inv(whitening @ whitening.T)).pdf(ROWS)
        for mean, whitening, weight in zip(form.means, form.whitening, form.weights, strict=True)
    ]
    wanted = np.stack(densities, axis=1) / np.sum(densities, axis=0)[:, None]
    assert form.outputs(ROWS) == pytest.approx(wanted, rel=1e-9)


def test_the_likeliest_cluster_is_the_nearest_centre() -> None:
    form = example("centroids")
    away = np.square(ROWS[:, None, :] - form.centres).sum(axis=2)
    assert (form.outputs(ROWS).argmax(axis=1) == away.argmin(axis=1)).all()


def test_votes_decide_and_the_first_of_equally_many_wins() -> None:
    form = example("kernel-votes")
    pairs = [(first, second) for first in range(4) for second in range(first + 1, 4)]
    for decisions, said in zip(form.decisions(ROWS), form.outputs(ROWS), strict=True):
        votes = np.zeros(4)
        for (first, second), decision in zip(pairs, decisions, strict=True):
            votes[first if decision > 0 else second] += 1
        assert said.argmax() == votes.argmax()
        assert said.sum() == pytest.approx(1.0)


def test_a_network_is_its_layers_one_after_the_other() -> None:
    form = example("dense-tanh")
    (inner, bias), (outer, last) = form.layers
    assert form.outputs(ROWS) == pytest.approx((np.tanh(ROWS @ inner + bias) @ outer + last) * 2.0 + 10.0)


def test_a_prior_gives_what_bayes_gives_for_other_shares() -> None:
    # Of two normals with equal shares; then the second is nine times as frequent as the first.
    x = np.linspace(-3, 3, 13)
    first, second = np.exp(-((x + 1) ** 2) / 2), np.exp(-((x - 1) ** 2) / 2)
    learned = np.stack([first, second], axis=1) / (first + second)[:, None]
    expected = 0.9 * second / (0.1 * first + 0.9 * second)
    assert corrected(learned, np.array([0.2, 1.8]))[:, 1] == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_a_temperature_keeps_the_order_and_only_moves_how_sure_it_is(temperature: float) -> None:
    inner = example("affine-softmax")
    plain, tempered = inner.outputs(ROWS), Temperature(inner, temperature).outputs(ROWS)
    assert (plain.argsort(axis=1) == tempered.argsort(axis=1)).all()
    surer = tempered.max(axis=1) - plain.max(axis=1)
    assert (surer > 0).all() if temperature < 1 else (surer <= 1e-12).all()
    if temperature == 1.0:
        assert tempered == pytest.approx(plain)


def test_an_isotonic_line_never_turns_the_order_around() -> None:
    inner = example("affine-binary")
    line = Line(np.array([0.2, 0.5, 0.6]), np.array([0.1, 0.1, 0.8]))
    before, after = inner.outputs(ROWS)[:, 1], Isotonic(inner, (line,)).outputs(ROWS)[:, 1]
    assert (np.diff(after[before.argsort()]) >= 0).all()
    assert after == pytest.approx(np.interp(before, line.x, line.y))


def test_classes_that_every_line_says_no_to_share_what_there_is() -> None:
    nothing = Line(np.array([0.0, 1.0]), np.array([0.0, 0.0]))
    inner = example("affine-softmax")
    form = Isotonic(inner, (nothing, nothing, nothing))
    assert form.outputs(ROWS) == pytest.approx(inner.outputs(ROWS))


def test_the_links_are_exact_far_out() -> None:
    far = np.array([[-800.0], [800.0]])
    assert _links.apply("sigmoid", far).tolist() == [[0.0], [1.0]]
    assert _links.apply("binary", far).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert _links.apply("softmax", np.array([[1e300, 0.0]])).tolist() == [[1.0, 0.0]]


def test_a_float32_threshold_sends_every_float32_the_same_way() -> None:
    random = np.random.default_rng(0)
    thresholds = np.concatenate([random.normal(size=500), [1e300, 0.1, 0.0, 1e-50]])
    stored = float32_not_above(thresholds)
    assert np.isfinite(stored).all()
    infinity = np.float32(np.inf)
    with np.errstate(over="ignore"):
        around = (stored, np.nextafter(stored, infinity), np.nextafter(stored, -infinity))
    for value in around:
        assert ((value <= thresholds) == (value <= stored))[np.isfinite(value)].all()


# States whose parts fit each other wrongly


def trees_with(**arrays: Array) -> State:
    state: State = example("trees-softmax").state()
    return replace(state, arrays={**state.arrays, **arrays})


def children(changes: dict[tuple[int, int], int]) -> Array:
    changed: Array = example("trees-softmax").children.copy()
    for place, reference in changes.items():
        changed[place] = reference
    return changed


FORESTS = {
    "a node before its parent": (trees_with(children=children({(1, 0): 0})), "more than one node"),
    "a circle": (trees_with(children=children({(0, 0): 0})), "more than one node"),
    "a leaf twice": (trees_with(children=children({(1, 0): ~0, (1, 1): ~0})), "a leaf belongs to"),
    "a node of two trees": (trees_with(children=children({(0, 0): 4})), "more than one node"),
    "a root that is no root": (trees_with(roots=np.arange(6, dtype=np.int32)), "more than one node"),
    "a tree that adds behind the last sum": (trees_with(columns=np.full(6, 3, dtype=np.int32)), "does not exist"),
    "more trees than leaves": (trees_with(values=np.zeros((2, 1), np.float32)), "cannot have 2 leaves"),
    "leaves of two values for three sums": (trees_with(values=np.zeros((24, 2), np.float32)), "leaves of 2 values"),
}


@pytest.mark.parametrize("name", FORESTS)
def test_references_that_make_no_forest_are_refused(name: str) -> None:
    state, told = FORESTS[name]
    with pytest.raises(BundleError, match=told):
        Trees.rebuild(state)


def chain(length: int) -> State:
    """A tree in which each node has a leaf above and the next node below."""
    nodes = np.arange(length)
    below = np.where(nodes + 1 < length, nodes + 1, ~length)
    return State(
        {"width": 1, "link": "identity"},
        {
            "features": np.zeros(length, np.int32),
            "thresholds": -nodes.astype(np.float32),
            "children": np.stack([~nodes, below], axis=1).astype(np.int32),
            "roots": np.zeros(1, np.int32),
            "columns": np.zeros(1, np.int32),
            "values": np.arange(length + 1, dtype=np.float32)[:, None],
            "base": np.zeros(1),
            "scale": np.ones(1),
        },
    )


def test_a_tree_may_be_deep_and_not_deeper_than_the_limit() -> None:
    form = Trees.rebuild(chain(MOST_DEEP))
    assert form.outputs(np.array([[0.5], [-2.5], [-1e9]], np.float32)).ravel().tolist() == [0.0, 3.0, float(MOST_DEEP)]
    with pytest.raises(BundleError, match=f"deeper than {MOST_DEEP}"):
        Trees.rebuild(chain(MOST_DEEP + 1))


def changed(name: str, values: dict[str, Any] | None = None, **arrays: Array) -> State:
    state: State = example(name).state()
    return replace(state, values={**state.values, **(values or {})}, arrays={**state.arrays, **arrays})


WRONG = {
    "binary of two sums": ("affine-identity", changed("affine-identity", {"link": "binary"})),
    "votes of pairs that are not all": ("kernel-identity", changed("kernel-identity", {"link": "votes"})),
    "more neighbours than rows": ("neighbours-uniform", changed("neighbours-uniform", {"count": 10})),
    "a weight of nothing": ("neighbours-uniform", changed("neighbours-uniform", weight=np.zeros(9))),
    "shares of more than one": ("weighted", changed("weighted", weights=np.array([0.9, 0.9]))),
    "a share below zero": ("weighted", changed("weighted", weights=np.array([-0.5, 1.5]))),
    "places that fall": ("placed", changed("placed", places=np.array([3, 2, 0]))),
    "a place twice": ("placed", changed("placed", places=np.array([0, 2, 2]))),
    "places that overflow when subtracted": ("placed", changed("placed", places=np.array([0, 2, -(1 << 63)]))),
    "a line that falls": ("isotonic-of-two-classes", changed("isotonic-of-two-classes", y0=np.array([0.5, 0.2, 0.9]))),
    "a line above one": ("isotonic-of-two-classes", changed("isotonic-of-two-classes", y0=np.array([0.5, 0.8, 1.2]))),
    "knots at one place": ("isotonic-of-two-classes", changed("isotonic-of-two-classes", x0=np.array([0.1, 0.1, 0.9]))),
    "one line for three classes": (
        "isotonic-of-three-classes",
        State(
            {"lines": 1, "normalise": True},
            {"x0": np.zeros(1), "y0": np.zeros(1)},
            example("isotonic-of-three-classes").state().parts,
        ),
    ),
    "a cluster that does not exist": ("density", changed("density", labels=np.full(9, 3))),
    "a reach below zero": ("density", changed("density", reach=np.array([-1.0, 1.0]))),
    "a whitening that is full": ("mixture", changed("mixture", whitening=np.full((2, WIDTH, WIDTH), 0.5))),
    "weights that are no shares": ("mixture", changed("mixture", weights=np.array([0.5, 0.1]))),
    "members of different widths": (
        "stack-of-labels",
        State(
            {"normalise": False},
            {},
            (("constant", example("constant").state()), ("affine", Affine(np.eye(2), np.zeros(2), "identity").state())),
        ),
    ),
    "members of different outputs": (
        "weighted",
        State(
            {},
            {"weights": np.array([0.5, 0.5])},
            (("constant", example("constant").state()), ("affine", example("affine-softmax").state())),
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_parts_that_do_not_fit_each_other_are_refused(name: str) -> None:
    form, state = WRONG[name]
    with pytest.raises(BundleError, match=r"the \S* form of the model cannot be used"):
        type(example(form)).rebuild(state)


# How many clusters there are, and why

CHOICE = Choice(3, "silhouette", "the best of 2 to 3 clusters", (Trial(2, 0.1, 0.5), Trial(3, 0.4, 0.9)), noise=True)


def test_a_choice_comes_back_from_its_json() -> None:
    assert Choice.from_json(CHOICE.to_json()) == CHOICE


@pytest.mark.parametrize(
    "changes",
    [
        {"clusters": -1},
        {"clusters": True},
        {"clusters": 1.5},
        {"clusters": 10**9},
        {"criterion": None},
        {"reason": "x" * 3_000},
        {"noise": 1},
        {"trials": {}},
        {"trials": [{"clusters": 2}]},
        {"trials": [{"clusters": 2, "score": "high", "stability": 1.0}]},
        {"trials": [{"clusters": 2, "score": True, "stability": 1.0}]},
        {"trials": [[2, 0.1, 0.5]]},
        {"trials": [Trial(2, 0.1, 0.5).__dict__] * 1_001},
        {"surplus": 1},
    ],
)
def test_an_odd_choice_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="how the number of clusters was chosen"):
        Choice.from_json({**CHOICE.to_json(), **changes})
