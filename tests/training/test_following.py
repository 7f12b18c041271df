"""A fault that begins late in a training is repaired from the last mark at which nothing was wrong."""

import itertools

import pytest

from luban.core.errors import Interrupted, TrainingError
from luban.recipe.edit import RecipeEdit
from luban.training import pausing, treating, trying
from luban.training.treating import Treated
from training.networks import same, train
from training.test_treating import fit

# 40 epochs of 17 steps: marks after 150, 272, 408 and 544. What a recipe changes on the way can be wrong as well.
STEPS, FROM = 680, 350
WILD = {"optimizer": "sgd", "learning_rate": 0.05, "clip": None, "later": [{"step": FROM, "learning_rate": 1e12}]}
HIGH = {"later": [{"step": FROM, "learning_rate": 3.0}]}


def followed(own, how="auto", interrupted=lambda: False):
    treated = Treated.from_json(
        own.folder.networks.treat(own.unit.candidate, lambda: treating.treat(own, interrupted, how=how).to_json())
    )
    done, trained = treating.follow(own.of(treated.candidate), interrupted, known=treated.known, how=how)
    return Treated.from_json(own.folder.networks.followed(treated.candidate)), done, trained


def after(steps):
    """A question that is answered with yes after so many steps."""
    asked = itertools.count(1)
    return lambda: next(asked) >= steps


def test_a_loss_that_is_not_finite_late_goes_back_to_the_last_mark(tmp_path):
    course, done, trained = followed(fit(tmp_path / "one", **WILD))
    (repair,) = course.repairs
    assert (repair.condition, repair.accepted) == ("nonfinite-training", True) and repair.effect.low > 0
    assert repair.edits[0].after[0]["step"] == pausing.marks(STEPS)[1] == 272
    assert repair.losses["after"][-1][0] > FROM, "it was compared behind the step that failed"
    # The recipe alone gives the same weights, in one go.
    own = fit(tmp_path / "other", **WILD).of(done.unit.candidate)
    assert same(trained, own.run(lambda: False))


def test_what_the_recipe_changes_behind_an_edit_does_not_undo_it(tmp_path):
    planned = [{"step": 300, "learning_rate": 3.0, "clip": 0.5}, {"step": 400, "learning_rate": 0.1}]
    own = fit(tmp_path, later=planned)
    trial = trying.trained_to(trying.patient_of(own, lambda: False), own.unit.candidate, treating.FIRST)
    edit = trying.from_step(trial, RecipeEdit("train.learning_rate", 3.0, 0.01, "a tenth"), 272)
    assert edit.after == [{"step": 272, "learning_rate": 0.01}, {"step": 300, "clip": 0.5}]


def test_switched_off_it_fails_as_before(tmp_path):
    with pytest.raises(TrainingError, match="the loss is nan at step 352"):
        followed(fit(tmp_path, **WILD), "off")


@pytest.mark.parametrize("stopping", [0.0, 0.1])
def test_a_loss_that_is_lost_again_late_is_repaired_where_that_helps(tmp_path, stopping):
    course, done, _ = followed(fit(tmp_path, stopping=stopping, patience=40, **HIGH))
    assert course.findings[0].condition == "learning-rate-too-high"
    if not stopping:
        # With rows that say when to stop the weights of before the fault answer, and little can be gained.
        assert course.repairs[0].accepted and done.unit.candidate.train["later"][0]["step"] == 304
    assert len(course.repairs) <= treating.MOST_TRIES


def test_a_training_that_is_well_ends_as_if_nobody_had_looked(tmp_path):
    own = fit(tmp_path)
    course, done, trained = followed(own)
    assert (done, course.repairs) == (own, ())
    batch, work = own.rows(), own.training.work
    alone = train(batch, work, own.choices().train, candidate=own.unit.candidate, seed=own.seed)
    assert same(trained, alone)


def test_a_training_that_is_stopped_again_and_again_is_repaired_alike(tmp_path):
    whole, _, ended = followed(fit(tmp_path / "whole", **WILD))
    for stops in range(20):  # noqa: B007 (counts)
        try:
            course, _, trained = followed(fit(tmp_path / "parts", **WILD), interrupted=after(137))
            break
        except Interrupted:
            continue
    assert stops > 1 and same(ended, trained)
    assert (course.repairs, course.candidate) == (whole.repairs, whole.candidate)
