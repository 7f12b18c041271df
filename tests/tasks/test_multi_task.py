"""Several targets at once: each keeps its own kind, loss, answers and figures, and one bundle answers all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from luban.batch import Batch, dense
from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.data import values
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Recipe, Train
from luban.training import question, several
from luban.training.fitting import fit_candidate

ROWS = 240
WORK = Work("multi-task", 4, ROWS, 3, targets=(("multiclass", 3), ("regression", 1)))
INPUTS = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
CLASSES = (INPUTS[:, 0] > 0).astype(np.int64) + (INPUTS[:, 1] > 0.5)
VALUES = 100.0 + 20.0 * INPUTS[:, 2].astype(np.float64)
BATCH = Batch(INPUTS, np.stack([CLASSES, VALUES], axis=1))
PLACES = np.arange(ROWS)
HOLES = np.stack(
    [np.where(PLACES <= 48, np.nan, CLASSES), np.where((PLACES < 1) | (PLACES >= 189), np.nan, VALUES)], axis=1
)
"""The same, where rows lack one of the targets, and the first row both."""
PLANTS = pl.DataFrame({
    "width": INPUTS[:, 0], "height": INPUTS[:, 1], "depth": INPUTS[:, 2],
    "kind": [("fern", "moss", "reed")[code] for code in CLASSES], "age": VALUES,
})  # fmt: skip


def plants(frame: pl.DataFrame = PLANTS, **options: Any) -> luban.Bundle:
    asked = {"model": "linear", "threads": 1, "folds": 2, "set": {"train.repeats": 1}, **options}
    return luban.fit(frame, ["kind", "age"], **asked)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> luban.Bundle:
    return plants(out=tmp_path_factory.mktemp("several") / "plants.luban")


def test_each_target_is_the_question_that_it_is_alone():
    values = PLANTS.select(pl.struct("kind", "age")).to_series()
    assert question.decide(values, Recipe())[0] == "multi-task"
    task, reason = question.several(registry.find("tasks", "multi-task"), values)
    assert [(each.name, each.task.name, each.outputs) for each in task.targets] == [
        ("kind", "multiclass", 3),
        ("age", "regression", 1),
    ]
    assert "multiclass, since 'kind' has 3 different values" in reason
    encoded = dense(task.encode(values, ()))
    assert np.array_equal(encoded, BATCH.target)
    assert task.outputs(()) == 4
    again = question.of_targets(registry.find("tasks", "multi-task"), question.targets_to_json(task))
    assert again == task


def test_a_row_without_one_of_its_targets_has_none():
    values = pl.Series([{"kind": None, "age": 1.5}, {"kind": "fern", "age": 2.5}, {"kind": "moss", "age": None}])
    whole = pl.concat([values, values]).rename("y")
    task, _ = question.several(registry.find("tasks", "multi-task"), whole)
    assert np.isnan(dense(task.encode(whole, ()))[:3]).any(axis=1).tolist() == [True, False, True]


def test_a_row_is_left_out_where_it_has_no_target_at_all():
    assert values.known(HOLES, several=True).tolist() == [place != 0 for place in range(ROWS)]
    assert values.known(HOLES).sum() == ROWS - 100


def test_nothing_is_learned_of_a_target_that_a_row_does_not_have():
    import torch

    task = several.task_of(WORK)
    outputs = torch.randn(3, 4, generator=torch.manual_seed(0)).requires_grad_()
    target = torch.tensor([[0.0, torch.nan], [torch.nan, -1.0], [1.0, 0.0]])
    whole = torch.tensor([[0.0, 0.5], [2.0, -1.0], [1.0, 0.0]])
    loss, of_both = task.loss(outputs, target, Train()), task.loss(outputs, whole, Train())
    of_values = registry.find("tasks", "regression").loss(outputs[:, 3:], whole[:, 1], Train()) / 2
    assert torch.allclose(loss, torch.stack([of_both[0] - of_values[0], of_values[1], of_both[2]]))
    loss.sum().backward()
    assert outputs.grad is not None
    zero = (outputs.grad == 0).tolist()
    assert zero == [[False] * 3 + [True], [True] * 3 + [False], [False] * 4]


def test_models_without_a_trunk_fit_each_target_on_the_rows_that_have_it():
    together = fit_candidate(Batch(INPUTS, HOLES), WORK, Candidate(model="linear"), seed=0, threads=1)
    forms = []
    for target, work in zip(HOLES.T, several.works(WORK), strict=True):
        known = np.isfinite(target)
        own = target[known].astype(np.int64 if work.task == "multiclass" else np.float64)
        batch = Batch(INPUTS[known], own)
        forms.append(fit_candidate(batch, work, Candidate(model="linear"), seed=0, threads=1))
    assert np.array_equal(together.outputs(INPUTS), np.concatenate([form.outputs(INPUTS) for form in forms], axis=1))


def test_values_are_standardised_and_skill_is_measured_by_what_is_known():
    weight = np.linspace(0.5, 1.5, ROWS)
    known = np.isfinite(HOLES)
    target, scale, offset = several.standardised(HOLES, weight, WORK)
    assert np.array_equal(np.isfinite(target), known)
    assert offset[3] == pytest.approx(np.average(VALUES[known[:, 1]], weights=weight[known[:, 1]]))
    found = target[known[:, 1], 1]
    assert np.average(found**2, weights=weight[known[:, 1]]) == pytest.approx(1.0, abs=1e-5) and scale[3] > 1
    said = np.random.default_rng(1).dirichlet(np.ones(3), ROWS)
    outputs = np.concatenate([said, VALUES[:, None] + 5.0], axis=1)
    answers = several.task_of(WORK).answers(outputs)
    skill = registry.find("metrics", "skill")
    alone = []
    for place in (0, 1):
        # With the other target known by the same rows alone, the score is that of these rows.
        rows, task = known[:, place], several.task_of(WORK)
        alone.append(
            skill.score(np.where(np.arange(2) == place, BATCH.target, np.nan)[rows], task.answers(outputs[rows]))
        )
    assert skill.score(HOLES, answers) == pytest.approx(np.mean(alone))
    assert np.isnan(skill.score(np.full((ROWS, 2), np.nan), answers))


@pytest.mark.slow
def test_one_bundle_learns_from_rows_with_one_of_the_targets(tmp_path: Path):
    # The classes are known where the values are not: rows with both would be too few.
    frame = PLANTS.with_columns(
        kind=pl.when(pl.int_range(ROWS) % 2 == 0).then("kind"), age=pl.when(pl.int_range(ROWS) % 2 == 1).then("age")
    )
    bundle = plants(frame, out=tmp_path / "holes.luban")
    tested = {m.name: m for m in bundle.measurements if m.split == "test"}
    assert tested["skill"].rows == tested["accuracy of kind"].rows + tested["r2 of age"].rows == 48
    assert tested["skill"].low > 0.3
    assert {m.name: m.rows for m in bundle.evaluate(frame)}["accuracy of kind"] == ROWS // 2
    assert "120 rows without it count for the others" in bundle.stored.evidence["evaluation"]["task_reason"]
    few = frame.with_columns(kind=pl.when(pl.int_range(ROWS) < 10).then("kind"))
    with pytest.raises(DataError, match="column 'kind': 5 rows that can be used have this target"):
        plants(few, out=tmp_path / "few.luban")


def test_the_loss_is_the_mean_of_the_losses_of_all_targets():
    import torch

    task = several.task_of(WORK)
    outputs = torch.randn(5, 4, generator=torch.manual_seed(0))
    target = torch.tensor([[0.0, 0.3], [2.0, -1.0], [1.0, 0.0], [0.0, 2.0], [2.0, 0.5]])
    of_classes = registry.find("tasks", "multiclass").loss(outputs[:, :3], target[:, 0].long(), Train())
    of_values = registry.find("tasks", "regression").loss(outputs[:, 3:], target[:, 1], Train())
    assert torch.allclose(task.loss(outputs, target, Train()), (of_classes + of_values) / 2)


def test_models_without_a_trunk_answer_each_target_as_they_would_alone():
    together = fit_candidate(BATCH, WORK, Candidate(model="linear"), seed=0, threads=1)
    works = several.works(WORK)
    alone = [
        fit_candidate(Batch(INPUTS, target), work, Candidate(model="linear"), seed=0, threads=1)
        for target, work in zip((CLASSES, VALUES), works, strict=True)
    ]
    assert np.array_equal(together.outputs(INPUTS), np.concatenate([form.outputs(INPUTS) for form in alone], axis=1))


def test_a_network_answers_all_targets_in_their_own_units():
    work = Work("multi-task", 4, ROWS, 3, targets=WORK.targets, shapes={"table": Shape("vector", (3,))})
    how = Train(epochs=60, batch_size=16, learning_rate=0.01, patience=60, precision="float32", device="cpu", threads=1)
    form = fit_candidate(BATCH, work, Candidate(model="mlp", settings={"units": [16]}), seed=0, threads=1, train=how)
    answers = several.task_of(work).answers(form.outputs(INPUTS))
    assert dense(answers.parts[0].probabilities).sum(axis=1) == pytest.approx(1.0)
    assert (dense(answers.parts[0].prediction) == CLASSES).mean() > 0.9
    assert np.corrcoef(dense(answers.parts[1].prediction), VALUES)[0, 1] > 0.95
    assert dense(answers.parts[1].prediction).mean() == pytest.approx(VALUES.mean(), abs=5.0)


def test_figures_are_of_each_target_and_the_first_is_of_all(bundle: luban.Bundle):
    first, *others = [m for m in bundle.measurements if m.split == "test"]
    assert (first.metric, first.target) == ("skill", None)
    assert first.difference is not None and first.difference.low > 0
    named = {m.name for m in others}
    assert {"accuracy of kind", "log-loss of kind", "rmse of age", "r2 of age"} <= named
    assert {m.target for m in others} == {"kind", "age"}


def test_one_bundle_answers_all_targets(bundle: luban.Bundle):
    said = bundle.predict(PLANTS)
    assert said.columns == ["kind", "age"]
    assert (said["kind"] == PLANTS["kind"]).mean() > 0.7
    assert np.corrcoef(said["age"], VALUES)[0, 1] > 0.95
    again = luban.load(bundle.path)
    assert again.predict(PLANTS).equals(said)
    assert set(again.predict(PLANTS.to_dict(as_series=False))) == {"kind", "age"}
    assert again.stored.runtime is not None, "there is one graph for all"
    measured = {m.name: m for m in again.evaluate(PLANTS)}
    assert measured["accuracy of kind"].rows == ROWS
    with pytest.raises(UsageError, match="has several targets"):
        again.predict_proba(PLANTS)


def test_the_program_takes_several_targets_and_writes_a_column_for_each(bundle: luban.Bundle, tmp_path: Path):
    from verbs.program import luban as program

    PLANTS.write_csv(tmp_path / "plants.csv")
    out = tmp_path / "answers.csv"
    assert program("predict", str(bundle.path), str(tmp_path / "plants.csv"), "--out", str(out)).code == 0
    columns = pl.read_csv(out).columns
    assert columns[1:] == [
        "prediction_kind", "probability_kind_fern", "probability_kind_moss", "probability_kind_reed", "prediction_age"
    ]  # fmt: skip
    shown = program("inspect", str(bundle.path)).out.decode()
    assert "prediction of kind and age" in shown


def test_what_was_measured_is_measured_again(bundle: luban.Bundle):
    from luban.verbs.verify import verify

    checks = verify(bundle.path, PLANTS).checks
    assert {check["metric"] for check in checks} >= {"skill", "accuracy of kind", "rmse of age"}
    assert all(check["agrees"] for check in checks)


@pytest.mark.parametrize(
    ("targets", "options", "error", "said"),
    [
        (["kind", "kind"], {}, UsageError, "'kind' is named for two purposes"),
        (["kind", "aeg"], {}, UsageError, "there is no column 'aeg'. Did you mean 'age'?"),
        (["kind", "age"], {"task": "regression"}, UsageError, "regression has one target, and 2 were named"),
        (["kind,age"], {}, UsageError, "there is no column 'kind,age', but one for each of its parts"),
        (["kind, aeg"], {}, UsageError, "there is no column 'kind, aeg'. Did you mean"),
        (["kind"], {"task": "multi-task"}, UsageError, "multi-task needs several targets"),
        (["kind", "age"], {"positive": "fern"}, UsageError, "several targets have no one positive class"),
        (["kind", "age"], {"metric": "accuracy"}, UsageError, "train.metric cannot be 'accuracy' for multi-task"),
        (["kind", "age"], {"set": {"drop": ["age"]}}, UsageError, "the target 'age' is also left out"),
        (["kind", "empty"], {}, DataError, "the target has no value in any row"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_of_several_targets_is_told(targets, options, error, said, tmp_path):
    frame = PLANTS.with_columns(empty=pl.lit(None, pl.Float64))
    with pytest.raises(error) as raised:
        luban.fit(frame, targets, model="linear", out=tmp_path / "x.luban", **options)
    assert said in str(raised.value)


def test_classes_and_values_are_not_mixed():
    from luban.training import augmenting

    work = Work("multi-task", 4, ROWS, 3, targets=WORK.targets, shapes={"table": Shape("vector", (3,))})
    with pytest.raises(UsageError, match="several targets are not mixed"):
        augmenting.check({"mixup": 0.2}, work)
    augmenting.check({"noise": 0.2}, work)
