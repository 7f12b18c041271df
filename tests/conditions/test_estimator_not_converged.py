"""Fits that ended before they were done: a solver at its limit, and boosting with too few rounds."""

import numpy as np
import pytest

from conditions.judged import binary, find, judgement
from luban.batch import Batch
from luban.evidence.fits import Ending, Remarks, Stages, listening
from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training.fitting import fit_candidate
from luban.training.staging import staged

NAME = "estimator-not-converged"
SETTINGS = {"model.linear.iterations": None, "features.scale": "standard", "model.gradient-boosting.rounds": 20}


def told(remarks, label="linear(C=1.0)", **settings):
    return judgement(binary(), remarks={label: remarks}, settings={**SETTINGS, **settings})


def rows(count=300):
    random = np.random.default_rng(0)
    inputs = random.normal(size=(count, 4)).astype(np.float32)
    target = (inputs[:, 0] + inputs[:, 1] ** 2 + random.normal(size=count) * 0.5 > 0.5).astype(np.int64)
    return Batch(inputs, target, None), Work(task="binary", outputs=2, rows=count, width=4)


def test_a_solver_at_its_limit_is_found_and_may_go_on():
    batch, work = rows()
    with listening() as heard:
        fit_candidate(batch, work, Candidate(model="linear", settings={"iterations": 1}), seed=0, threads=1)
    (found,) = find(NAME, told(Remarks(tuple(heard))))
    assert (found.evidence.value, found.evidence.threshold) == (1, 1)
    assert [(edit.path, edit.after) for edit in found.edits] == [("model.linear.iterations", 10)]


def test_a_solver_that_ends_by_itself_is_no_fault():
    batch, work = rows()
    with listening() as heard:
        fit_candidate(batch, work, Candidate(model="linear"), seed=0, threads=1)
    assert heard and find(NAME, told(Remarks(tuple(heard)))) == []


def test_columns_without_scale_are_scaled_first():
    unscaled = told(Remarks((Ending("LogisticRegression", 500, 500, converged=False),)), **{"features.scale": "none"})
    assert [edit.path for edit in find(NAME, unscaled)[0].edits] == ["features.scale", "model.linear.iterations"]


@pytest.mark.parametrize("rounds, fires", [(20, True), (None, False)])
def test_boosting_is_told_when_its_loss_still_falls(rounds, fires):
    batch, work = rows()
    candidate = Candidate(model="gradient-boosting", settings={"rounds": rounds} if rounds else {})
    fitted, held_out = batch.take(np.arange(200)), batch.take(np.arange(200, 300))
    stages = staged(candidate, fit_candidate(fitted, work, candidate, seed=0, threads=1), fitted, held_out, work)
    found = find(NAME, told(Remarks(stages=stages), label=candidate.label))
    assert bool(found) is fires
    assert all([edit.after for edit in one.edits] == [200] for one in found)


def test_the_last_stage_is_what_the_whole_model_says():
    batch, work = rows()
    form = fit_candidate(batch, work, Candidate(model="gradient-boosting"), seed=0, threads=1)
    whole = len(form.roots)
    *_, last = form.stages(batch.inputs, [whole // 3, whole])
    assert last == pytest.approx(form.outputs(batch.inputs), abs=1e-6)


def test_remarks_survive_being_written():
    doubts = {"loss": ((0.02, 0.01), (0.01, 0.03))}
    stages = Stages((1, 2), (0.5, 0.4), (0.3, 0.2), {"accuracy": (0.5, 0.75)}, doubts)
    remarks = Remarks((Ending("HuberRegressor", 1, 2, converged=True),), stages)
    assert Remarks.from_json(remarks.to_json()) == remarks


def test_what_is_not_known_is_told():
    with pytest.raises(ValueError, match="how its fit ended is not known"):
        find(NAME, judgement(binary()))
