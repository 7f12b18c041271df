"""From forms to graphs: what parity says, what a builder shares, and when there is no graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from forms.examples import ROWS, WIDTH, examples, forest, slow_trees
from luban.forms import _links
from luban.forms.affine import Affine
from luban.protocols import NoGraph
from luban.runtime import answering, graph

FIRST = Affine(np.eye(WIDTH), np.zeros(WIDTH), "softmax")


def built(form: Affine) -> bytes:
    return graph.build(form, form.width, form.output_width)


def test_parity_counts_the_rows_that_get_another_class() -> None:
    other = Affine(np.eye(WIDTH), np.array([5.0, 0.0, 0.0]), "softmax")
    found = graph.parity(FIRST, built(other), ROWS)
    ours, theirs = FIRST.outputs(ROWS), other.outputs(ROWS)
    changed = (ours.argmax(axis=1) != theirs.argmax(axis=1)) | ((ours > 0.5) != (theirs > 0.5)).any(axis=1)
    assert found.flips == changed.sum() > 0
    assert found.difference == pytest.approx(np.abs(ours - theirs).max(), rel=1e-6)
    assert graph.parity(FIRST, built(FIRST), ROWS) == graph.Parity(pytest.approx(0.0, abs=1e-12), 0, len(ROWS))


def test_the_difference_of_large_values_is_relative_to_the_largest() -> None:
    large = Affine(np.full((WIDTH, 1), 1e8), np.zeros(1), "identity")
    moved = Affine(np.full((WIDTH, 1), 1e8), np.array([1e4]), "identity")
    found = graph.parity(large, built(moved), ROWS)
    assert found.difference == pytest.approx(1e4 / np.abs(large.outputs(ROWS)).max(), rel=1e-6)
    assert found.flips == 0  # values have no classes


def test_equal_nodes_and_equal_tensors_are_drawn_once() -> None:
    builder = graph.GraphBuilder()
    one = builder.constant(np.array(1.0))
    assert builder.constant(np.array(1.0)) == one
    assert builder.constant(np.array([1.0])) != one
    assert builder.constant(np.array(1.0, dtype=np.float32)) != one
    assert builder.node("Add", one, one) == builder.node("Add", one, one)
    assert builder.node("Softmax", one, axis=1) != builder.node("Softmax", one, axis=0)
    assert (len(builder.nodes), len(builder.tensors)) == (3, 3)


def test_a_graph_tells_nothing_of_the_machine() -> None:
    model = onnx.load_model_from_string(built(FIRST))
    assert (model.producer_name, model.producer_version, model.doc_string, list(model.metadata_props)) == (
        "luban",
        "",
        "",
        [],
    )


def test_more_trees_than_a_graph_is_worth_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from luban.forms import trees

    form = examples()["trees-softmax"]
    monkeypatch.setattr(trees, "_MOST_GRAPH_NODES", 10)
    with pytest.raises(NoGraph, match="18 tree nodes"):
        graph.build(form, form.width, form.output_width)


def test_a_graph_that_would_be_too_large_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST_BYTES", 100)
    with pytest.raises(NoGraph, match="would be larger than"):
        built(FIRST)


def test_rows_of_another_width_are_refused_by_a_graph() -> None:
    answer = answering.from_onnx(built(FIRST))
    with pytest.raises(ValueError, match="a model of 3 inputs was given the shape"):
        answer(np.zeros((2, WIDTH + 1), dtype=np.float32))
    assert answer(ROWS[:0]).shape == (0, WIDTH)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_of_a_graph_change_nothing(threads: int) -> None:
    form = examples()["trees-softmax"]
    data = graph.build(form, form.width, form.output_width)
    assert np.array_equal(answering.from_onnx(data, threads=threads)(ROWS), answering.from_onnx(data)(ROWS))


def test_a_form_answers_by_itself_where_there_is_no_graph() -> None:
    assert np.array_equal(answering.from_form(FIRST)(ROWS), FIRST.outputs(ROWS))


@pytest.mark.parametrize(("sums", "spread"), [(1, 1), (3, 1), (3, 3)])
def test_trees_walked_at_once_are_as_walked_one_by_one(sums: int, spread: int) -> None:
    form = forest(sums, spread, "identity")
    slow = np.array([slow_trees(form, row) for row in ROWS])
    assert form.outputs(ROWS) == pytest.approx(slow, rel=1e-6)
    # A row that lies on a threshold goes where the graph sends it too.
    on = np.repeat(form.thresholds[:, None], WIDTH, axis=1)
    assert form.outputs(on) == pytest.approx(np.array([slow_trees(form, row) for row in on]), rel=1e-6)
    assert graph.parity(form, graph.build(form, WIDTH, sums), on).difference < 1e-5


@pytest.mark.parametrize("link", _links.LINKS)
def test_a_link_says_the_same_natively_and_drawn(link: str) -> None:
    sums = 1 if _links.output_width(link, 1) == 2 else 3
    form = Affine(np.eye(3)[:, :sums], np.zeros(sums), link)
    rows = np.array([[0, 0, 0], [1, -2, 3], [-30, 30, 0], [0.25, 0.5, 0.75]], dtype=np.float32)
    assert _links.fits(link, sums)
    found = graph.parity(form, graph.build(form, 3, form.output_width), rows)
    assert (found.flips, found.difference < 1e-12) == (0, True)
