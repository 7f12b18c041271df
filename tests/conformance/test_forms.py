"""What every form keeps to, whichever it is: answers as data, as a graph, and refused where they are odd."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from forms.examples import ROWS, WIDTH, examples
from forms.mutations import mutations
from luban import states
from luban.core import registry
from luban.core.errors import BundleError
from luban.forms import _rows
from luban.protocols import Form, NoGraph, State
from luban.runtime import accepted, answering, graph

NAMES = sorted(examples())
WITHOUT_GRAPH = {"density"}
SEES_TENSORS = {
    "answered",
    "copied",
    "kneser-ney",
    "language",
    "lookup",
    "masked-trigram",
    "network",
    "remembered",
    "repeated",
    "shared-words",
    "spans",
    "word-overlap",
    "written",
}
"""Kinds whose rows are no lines of a matrix, or whose answers are texts; they have tests of their own."""
EXTREME = np.array(
    [[0, 0, 0], [3e38, -3e38, 3e38], [1e-40, -1e-40, 0], [1e10, 1, -1e10], [-3e38, -3e38, -3e38]], dtype=np.float32
)


@pytest.fixture(params=NAMES)
def form(request: pytest.FixtureRequest) -> Form:
    return examples()[request.param]


def through_bytes(form: Form) -> Form:
    kind, state = states.from_bytes(states.to_bytes(form.kind, form.state()))
    again: Form = registry.find("forms", kind).rebuild(state)
    return again


def test_there_is_an_example_of_every_kind() -> None:
    assert {form.kind for form in examples().values()} == set(registry.names("forms")) - SEES_TENSORS


@pytest.mark.parametrize("name", registry.names("forms"))
def test_a_kind_is_the_name_of_its_file(name: str) -> None:
    assert registry.find("forms", name).kind == name


def test_answers_are_finite_numbers_of_the_promised_shape(form: Form) -> None:
    answers = form.outputs(ROWS)
    assert form.width == WIDTH
    assert (answers.dtype, answers.shape) == (np.float64, (len(ROWS), form.output_width))
    assert np.isfinite(answers).all()


def test_no_row_is_answered_by_no_row(form: Form) -> None:
    assert form.outputs(ROWS[:0]).shape == (0, form.output_width)


def test_one_row_is_answered_as_it_is_among_others(form: Form) -> None:
    together = form.outputs(ROWS)
    alone = np.concatenate([form.outputs(ROWS[[place]]) for place in range(len(ROWS))])
    assert alone == pytest.approx(together, rel=1e-12, abs=1e-12)


def test_pieces_of_rows_change_nothing(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = form.outputs(ROWS)
    monkeypatch.setattr(_rows, "CELLS", 20)
    assert form.outputs(ROWS) == pytest.approx(whole, rel=1e-12, abs=1e-12)


def test_sparse_rows_are_answered_as_dense_ones(form: Form) -> None:
    rows = np.where(np.abs(ROWS) < 0.5, 0, ROWS).astype(np.float32)
    assert form.outputs(csr_matrix(rows)) == pytest.approx(form.outputs(rows), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_of_another_width_are_refused(form: Form, sparse: bool) -> None:
    wide = np.zeros((2, WIDTH + 1), dtype=np.float32)
    with pytest.raises(ValueError, match="was given inputs of the shape"):
        form.outputs(csr_matrix(wide) if sparse else wide)


def test_extreme_rows_give_no_warning_and_no_value_that_is_not_a_number(form: Form) -> None:
    if form.kind == "affine" and form.output_width == 1:
        pytest.skip("two to the power of a sum has no bound where the sum has none")
    assert not np.isnan(form.outputs(EXTREME)).any()


def test_a_form_comes_back_from_its_bytes(form: Form) -> None:
    again = through_bytes(form)
    assert type(again) is type(form)
    assert np.array_equal(again.outputs(ROWS), form.outputs(ROWS))
    assert states.to_bytes(again.kind, again.state()) == states.to_bytes(form.kind, form.state())


def test_a_form_is_frozen(form: Form) -> None:
    with pytest.raises(FrozenInstanceError):
        form.width = 9  # type: ignore[misc]


def test_its_graph_is_accepted_and_says_the_same(form: Form) -> None:
    if form.kind in WITHOUT_GRAPH:
        with pytest.raises(NoGraph, match="nearest"):
            graph.build(form, form.width, form.output_width)
        return
    data = graph.build(form, form.width, form.output_width)
    assert accepted.check(data, width=form.width, outputs=form.output_width) >= form.output_width
    for rows in (ROWS, ROWS[:1], ROWS[:0]):
        found = graph.parity(form, data, rows)
        assert (found.flips, found.rows) == (0, len(rows))
        assert found.difference <= 1e-5


def test_its_graph_accepts_sparse_rows_and_many_pieces(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    if form.kind in WITHOUT_GRAPH:
        pytest.skip("it has none")
    data = graph.build(form, form.width, form.output_width)
    monkeypatch.setattr(answering, "_CELLS", 30)
    answer = answering.from_onnx(data)
    scale = max(1.0, float(np.abs(form.outputs(ROWS)).max()))
    assert answer(csr_matrix(ROWS)) / scale == pytest.approx(form.outputs(ROWS) / scale, abs=1e-5)


def test_equal_forms_draw_equal_graphs(form: Form) -> None:
    if form.kind not in WITHOUT_GRAPH:
        first, again = (graph.build(f, f.width, f.output_width) for f in (form, through_bytes(form)))
        assert first == again


def test_a_graph_for_another_width_is_not_drawn(form: Form) -> None:
    with pytest.raises(ValueError, match="the form answers 3 inputs"):
        graph.build(form, WIDTH + 1, form.output_width)


CHANGED = [
    pytest.param(name, what, state, id=f"{name}: {what}")
    for name in NAMES
    for what, state in mutations(examples()[name].state())
]


@pytest.mark.parametrize(("name", "what", "state"), CHANGED)
def test_a_state_that_no_form_writes_is_refused(name: str, what: str, state: State) -> None:
    with pytest.raises(BundleError):
        type(examples()[name]).rebuild(state)


def test_the_test_above_changes_every_array_and_every_value() -> None:
    """Unchanged states are accepted, and each form has many changes."""
    for form in examples().values():
        type(form).rebuild(form.state())
        told = {what.split(":")[0] for what, _ in mutations(form.state())}
        assert {f"array {name}" for name in form.state().arrays} <= told
        assert {f"value {name}" for name in form.state().values if name != "choice"} <= told
