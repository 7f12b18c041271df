"""Answers about scaled windows in the unit of their series, natively and by the graph."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Tensors
from luban.core.errors import BundleError
from luban.features.anchor import feature
from luban.forms.affine import Affine
from luban.forms.constant import Constant
from luban.forms.rescaled import PART, Rescaled
from luban.forms.stack import Stack
from luban.forms.trees import Trees
from luban.forms.weighted import Weighted
from luban.protocols import Form, State
from luban.runtime import graph

STUMP = Trees(
    2, np.array([1], np.int32), np.array([0.5], np.float32), np.array([[-2, -1]], np.int32), np.array([0], np.int32),
    np.array([0], np.int32), np.array([[10.0], [20.0]], np.float32), np.zeros(1), np.ones(1), "identity",
)  # fmt: skip
SUM = Affine(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0.0, 1.0]), "identity")
INNER: dict[str, Form] = {
    "sums": SUM,
    "trees": Stack((STUMP, STUMP)),
    "both": Weighted((SUM, Stack((STUMP, STUMP))), np.array([0.5, 0.5])),
}
ROWS = np.array([[0.0, 0.0, 100.0, 0.25, 5.0], [1.0, 2.0, -3.0, 0.0, 0.5]], dtype=np.float32)


def test_the_level_and_the_spread_of_each_row_are_put_back() -> None:
    assert Rescaled(SUM).outputs(ROWS).tolist() == [[100.25, 105.25], [-2.5, -0.5]]


@pytest.mark.parametrize("name", INNER)
def test_the_graph_says_what_the_form_says(name: str) -> None:
    form = Rescaled(INNER[name])
    found = graph.parity(form, graph.build(form, 5, 2), ROWS)
    assert found.difference <= 1e-12


def test_of_tensors_the_anchor_is_a_part_that_the_inner_form_does_not_see() -> None:
    class Inner:
        kind, width, output_width = "affine", 2, 1

        def outputs(self, inputs: Tensors) -> np.ndarray:
            assert set(inputs.parts) == {"table"}
            return np.ones((len(inputs.parts["table"]), 1))

    tensors = Tensors({"table": ROWS[:, :2], PART: ROWS[:, 2:]})
    assert Rescaled(Inner(), tensors=True).outputs(tensors).tolist() == [[105.25], [-2.5]]  # type: ignore[arg-type]


def test_a_small_change_of_a_large_level_is_not_lost() -> None:
    """The distance of neighbouring float32 numbers at ten thousand million is about a thousand."""
    import polars as pl

    levels = [1e10, 1e10 + 1.0]
    anchors = feature.transform(pl.Series("anchor", [[level, 1.0] for level in levels]), State({}))
    answers = Rescaled(Constant(np.zeros(1), 0)).outputs(np.asarray(anchors))
    assert answers[:, 0].tolist() == levels


def test_two_forms_within_are_refused() -> None:
    state = Rescaled(SUM).state()
    with pytest.raises(BundleError, match="more than one part"):
        Rescaled.rebuild(State(state.values, {}, state.parts * 2))
