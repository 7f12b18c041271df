"""What every model keeps to, whichever it is: a new one is tested by existing."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from luban import states
from luban.batch import Batch
from luban.core import registry
from luban.core.errors import UsageError
from luban.protocols import Form, Work
from luban.recipe.recipe import Candidate
from luban.runtime import graph
from luban.training.settings import settings
from models.tables import ESTIMATORS, ROWS, UNSEEN, WIDTH, fit, table

SEQUENCES = frozenset(
    {
        "causal-lm", "chat", "masked-lm", "preference", "question-answering", "sequence-to-sequence", "similarity",
        "tagging",
    }
)  # fmt: skip
"""Tasks whose answers are no line of numbers, or that read pairs: who answers them is held by the tests of the task."""
CASES = [(name, task) for name, model in ESTIMATORS.items() for task in sorted(model.tasks - SEQUENCES)]
SUPERVISED = ("binary", "multiclass", "multilabel", "regression")
LEARNING = [case for case in CASES if case[1] in SUPERVISED]
CLASSIFYING = [case for case in LEARNING if case[1] != "regression"]
WORKS = [
    Work(task, outputs, rows, width, sparse)
    for task, outputs in (("regression", 1), ("binary", 2), ("multiclass", 12), ("multilabel", 4), ("clustering", 1))
    for rows, width in ((50, 3), (100, 4_000), (5_000, 40), (300_000, 40), (2_000_000, 200_000))
    for sparse in (False, True)
]
LARGE = Work("clustering", 1, 2_000_000, 200_000, True)
IGNORE_THE_SEED = {"constant", "hdbscan", "knn", "linear", "seasonal-naive"}
"""Models that draw nothing at random for a small table."""

each_case = pytest.mark.parametrize(("name", "task"), CASES, ids=lambda part: part)
each_learning = pytest.mark.parametrize(("name", "task"), LEARNING, ids=lambda part: part)
each_classifying = pytest.mark.parametrize(("name", "task"), CLASSIFYING, ids=lambda part: part)


@functools.cache
def fitted(name: str, task: str) -> Form:
    return fit(name, *table(task))


def bytes_of(form: Form) -> bytes:
    return states.to_bytes(form.kind, form.state())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_says_what_it_is(name: str) -> None:
    model = ESTIMATORS[name]
    assert model.name == name
    assert model.tasks and model.tasks <= set(registry.names("tasks"))
    assert registry.summary("models", name).endswith(".")
    for field in model.Settings.model_fields.values():
        assert not field.is_required()


@each_case
def test_fitting_again_gives_the_same_bytes(name: str, task: str) -> None:
    assert bytes_of(fit(name, *table(task))) == bytes_of(fitted(name, task))


@each_case
def test_the_number_of_threads_changes_nothing(name: str, task: str) -> None:
    # Very few trees: on a busy machine threads that wait for each other take long.
    one, two = (fit(name, *table(task), threads=threads, settings={"rounds": 2, "trees": 4}) for threads in (1, 2))
    assert bytes_of(one) == bytes_of(two)


@each_case
def test_the_seed_changes_what_is_drawn_at_random_and_nothing_else(name: str, task: str) -> None:
    other = fit(name, *table(task), seed=1)
    if name in IGNORE_THE_SEED:
        assert bytes_of(other) == bytes_of(fitted(name, task))
    # libsvm draws nothing, and values need no probabilities; trees have a single column to look at in a forecast.
    elif (name, task) not in (("svm", "regression"), ("gradient-boosting", "forecasting")):
        assert bytes_of(other) != bytes_of(fitted(name, task))


@each_case
def test_fitting_changes_neither_the_rows_nor_the_target(name: str, task: str) -> None:
    batch, work = table(task)
    own = Batch(batch.inputs.copy(), None if batch.target is None else batch.target.copy())
    fit(name, own, work)
    assert np.array_equal(own.inputs, batch.inputs)
    assert batch.target is None or np.array_equal(own.target, batch.target)


@each_case
def test_it_answers_every_row_with_finite_numbers_of_its_task(name: str, task: str) -> None:
    batch, work = table(task)
    form = fitted(name, task)
    answers = form.outputs(batch.inputs)
    assert answers.dtype == np.float64
    assert answers.shape == (ROWS, form.output_width)
    assert form.width == WIDTH
    assert np.isfinite(answers).all()
    if task in SUPERVISED:
        assert form.output_width == work.outputs
    if task not in ("regression", "forecasting"):
        assert answers.min() >= 0 and answers.max() <= 1
    if task in ("binary", "multiclass", "clustering"):
        assert answers.sum(axis=1) == pytest.approx(1.0)


@each_case
def test_rows_far_from_all_others_are_answered_too(name: str, task: str) -> None:
    far = np.array([[1e6] * WIDTH, [-1e6] * WIDTH, [3e30] * WIDTH, [0.0] * WIDTH], dtype=np.float32)
    answers = fitted(name, task).outputs(far)
    assert np.isfinite(answers).all()
    if task in ("binary", "multiclass", "clustering"):
        assert answers.sum(axis=1) == pytest.approx(1.0)


@each_learning
def test_it_beats_the_constant_answer_on_the_rows_it_saw(name: str, task: str) -> None:
    if name == "constant":
        pytest.skip("it is the constant answer")
    batch, _ = table(task)
    assert batch.target is not None

    def loss(form: Form) -> float:
        answers = form.outputs(batch.inputs)
        if task == "regression":
            return float(np.square(answers[:, 0] - batch.target).mean())
        wanted = batch.target if task == "multilabel" else np.eye(answers.shape[1])[batch.target]
        return float(np.square(answers - wanted).mean())

    assert loss(fitted(name, task)) < 0.95 * loss(fitted("constant", task))


@each_case
def test_its_form_is_rebuilt_from_its_bytes(name: str, task: str) -> None:
    batch, _ = table(task)
    kind, state = states.from_bytes(bytes_of(fitted(name, task)))
    again: Form = registry.find("forms", kind).rebuild(state)
    assert np.array_equal(again.outputs(batch.inputs), fitted(name, task).outputs(batch.inputs))


@each_case
def test_its_graph_says_what_its_form_says(name: str, task: str) -> None:
    if name == "hdbscan":
        pytest.skip("its form has no graph; it says why")
    form = fitted(name, task)
    found = graph.parity(form, graph.build(form, form.width, form.output_width), table(task)[0].inputs)
    assert found.flips == 0
    assert found.difference <= 1e-5


@each_case
def test_sparse_rows_are_fitted_like_dense_ones(name: str, task: str) -> None:
    batch, work = table(task)
    work = replace(work, sparse=True)
    if ESTIMATORS[name].declines(work):
        return
    sparse = Batch(csr_matrix(batch.inputs), batch.target)
    answers = fit(name, sparse, work).outputs(batch.inputs)
    # Solvers add up in another order; trees draw other rows where a matrix is sparse.
    assert np.isfinite(answers).all()
    if name in ("constant", "linear", "svm", "kmeans"):
        assert answers == pytest.approx(fitted(name, task).outputs(batch.inputs), rel=0.02, abs=0.01)


@each_learning
def test_weights_of_rows_matter_and_equal_ones_do_not(name: str, task: str) -> None:
    batch, work = table(task)
    answers = fitted(name, task).outputs(UNSEEN)
    weights = np.where(batch.inputs[:, 2] > 0, 9.0, 0.5)
    weighed = fit(name, replace(batch, weight=weights), work).outputs(UNSEEN)
    assert np.abs(weighed - answers).max() > 1e-3
    if name != "random-forest":  # weights are chances to be drawn there, so equal ones draw other rows
        same = fit(name, replace(batch, weight=np.ones(ROWS)), work).outputs(UNSEEN)
        assert same == pytest.approx(answers, abs=1e-9)


@each_classifying
def test_balanced_classes_make_the_rare_one_likelier(name: str, task: str) -> None:
    batch, work = table(task)
    # Trees whose leaves hold one row each say the same whatever it weighs.
    plain, balanced = (
        fit(name, batch, replace(work, class_weight=weighing), settings={"leaf": 8}).outputs(UNSEEN).mean(axis=0)
        for weighing in ("none", "balanced")
    )
    assert balanced[-1] > plain[-1] + 0.01


@pytest.mark.parametrize("name", [name for name, task in CLASSIFYING if task == "multiclass"])
def test_a_class_that_a_fold_has_none_of_has_its_place_and_is_not_answered(name: str) -> None:
    batch, _ = table("multiclass")
    assert batch.target is not None
    codes = np.array([0, 2, 4])[batch.target]
    form = fit(name, replace(batch, target=codes), Work("multiclass", 6, ROWS, WIDTH))
    answers = form.outputs(batch.inputs)
    assert answers.shape == (ROWS, 6)
    assert answers.sum(axis=1) == pytest.approx(1.0)
    if name != "constant":  # the baseline says of no class that it cannot be
        assert (answers[:, [1, 3, 5]] == 0).all()
        assert answers[:, [0, 2, 4]] == pytest.approx(fitted(name, "multiclass").outputs(batch.inputs), abs=1e-12)


@pytest.mark.parametrize(("name", "task"), CLASSIFYING, ids=lambda part: part)
def test_where_only_one_class_is_left_it_is_the_answer(name: str, task: str) -> None:
    batch, work = table(task)
    assert batch.target is not None
    target = np.ones_like(batch.target)
    answers = fit(name, replace(batch, target=target), work).outputs(batch.inputs)
    likely = answers if task == "multilabel" else answers[:, [1]]
    assert likely.min() > 0.9


@pytest.mark.parametrize("name", [name for name, task in LEARNING if task == "regression"])
def test_a_target_that_never_changes_is_the_answer(name: str) -> None:
    batch, work = table("regression")
    form = fit(name, replace(batch, target=np.full(ROWS, 41.5)), work)
    assert form.outputs(batch.inputs) == pytest.approx(41.5, abs=0.2)  # a network comes near it
    registry.find("forms", form.kind).rebuild(form.state())


@pytest.mark.parametrize("name", [name for name, task in LEARNING if task == "regression"])
def test_the_unit_of_the_target_changes_only_the_unit_of_the_answer(name: str) -> None:
    batch, work = table("regression")
    assert batch.target is not None
    moved = fit(name, replace(batch, target=batch.target * 1e6 - 5e9), work).outputs(batch.inputs)
    answers = fitted(name, "regression").outputs(batch.inputs)
    # Splits that are equally good may be told apart by rounding, so trees differ a little.
    assert np.abs((moved + 5e9) / 1e6 - answers).mean() < 0.5


@each_case
def test_columns_that_never_change_and_equal_rows_are_no_defect(name: str, task: str) -> None:
    batch, work = table(task)
    answers = fit(name, replace(batch, inputs=np.ones((ROWS, WIDTH), np.float32)), work)
    assert np.isfinite(answers.outputs(batch.inputs)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_says_in_words_what_it_declines(name: str) -> None:
    for work in WORKS:
        reason = ESTIMATORS[name].declines(work)
        assert reason is None or re.fullmatch(r"[a-z].{20,}\.", reason), reason
        # A limit that is told is one that the table is beyond.
        for limit in re.findall(r"at most ([\d,]+)|([\d,]+) is the most", reason or ""):
            assert int("".join(limit).replace(",", "")) < max(work.rows, work.width), reason


def test_some_models_decline_a_table_that_is_large_wide_and_sparse() -> None:
    """The test above reads reasons that exist."""
    assert sum(model.declines(LARGE) is not None for model in ESTIMATORS.values()) >= 3


@pytest.mark.parametrize("work", WORKS, ids=lambda w: f"{w.task}-{w.rows}x{w.width}{'-sparse' if w.sparse else ''}")
def test_the_portfolio_has_an_order_and_settings_that_hold(work: Work) -> None:
    entries = []
    for name, model in ESTIMATORS.items():
        if work.task in model.tasks and model.declines(work) is None:
            entries += [(name, entry) for entry in model.portfolio(work)]
    for name, entry in entries:
        assert entry.candidate.model == name
        settings(entry.candidate)
    # Between models of one order the name decides; a model says itself which of its own comes first.
    assert len({(name, entry.order) for name, entry in entries}) == len(entries)
    assert entries


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_setting_that_it_does_not_have_is_named_with_those_it_has(name: str) -> None:
    with pytest.raises(UsageError, match="there is no setting 'nonsense'") as refused:
        settings(Candidate(model=name, settings={"nonsense": 1}))
    assert refused.value.where == f"model.{name}"
    for field in ESTIMATORS[name].Settings.model_fields:
        assert field in refused.value.message
