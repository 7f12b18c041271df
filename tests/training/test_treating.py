"""A training that goes wrong is repaired where that is shown to help; one that is well is left as it is."""

import numpy as np
import pytest

from luban.core.errors import TrainingError
from luban.evidence.finding import Finding, Signal, Where
from luban.recipe.edit import RecipeEdit
from luban.recipe.recipe import Candidate
from luban.training import treating, trying
from luban.training.network_fit import NetworkFit
from luban.training.treating import Treated
from luban.training.unit import Training, Unit
from luban.training.work_folder import WorkFolder
from training.networks import decided, same, table, train


def fit(tmp_path, settings=None, *, rows=800, parts=4, **changes):
    """The fit of the first of four parts of a small table. parts: how many of them are held out in turn."""
    folder = WorkFolder(tmp_path)
    folder.claim({})
    batch, work = table(rows=rows)
    how = decided(**{"epochs": 40, "stopping": 0.1, **changes})
    numbers = np.arange(len(batch)) % 4
    training = Training(batch, np.where(numbers < parts, numbers, -1)[None], work, seed=0, train=how)
    return NetworkFit(folder, training, Unit(Candidate(model="mlp", settings={"units": [16], **(settings or {})}), 0))


def treat(fit, how="auto", ask=None):
    return treating.treat(fit, lambda: False, how=how, ask=ask)


def test_a_rate_that_is_too_high_is_repaired_and_the_gain_shown(tmp_path):
    treated = treat(fit(tmp_path, learning_rate=3.0))
    (repair,) = treated.repairs
    assert (repair.condition, repair.accepted) == ("learning-rate-too-high", True)
    assert treated.candidate.train["learning_rate"] == "auto"
    assert repair.effect.low > 0 and repair.effect.rows == 133
    assert repair.after < repair.before
    assert set(repair.losses) == {"before", "after"} and len(repair.losses["after"]) > 10


def test_a_training_that_is_well_is_left_as_it_is(tmp_path):
    own = fit(tmp_path)
    treated = treat(own)
    assert (treated.candidate, treated.findings, treated.repairs) == (own.unit.candidate, (), ())
    gone_on = own.run(lambda: False)
    batch, work = own.rows(), own.training.work
    alone = train(batch, work, own.choices().train, candidate=own.unit.candidate, seed=own.seed)
    assert same(gone_on, alone)


def test_switched_off_it_only_looks(tmp_path):
    own = fit(tmp_path, learning_rate=3.0)
    treated = treat(own, "off")
    assert treated.repairs == () and treated.candidate == own.unit.candidate
    assert treated.findings[0].condition == "learning-rate-too-high"


def test_whoever_is_asked_decides(tmp_path):
    asked = []
    no = treat(fit(tmp_path, learning_rate=3.0), "ask", lambda question: bool(asked.append(question)))
    assert [repair.reason for repair in no.repairs] == ["not wanted"] * len(asked) and asked
    assert "Set train.learning_rate to 'auto'?" in asked[0]
    yes = treat(fit(tmp_path / "again", learning_rate=3.0), "ask", lambda question: True)
    assert yes.repairs[0].accepted


def test_several_layers_of_sigmoids_get_another_activation_function(tmp_path):
    deep = {"units": [32] * 8, "activation": "sigmoid"}
    treated = treat(fit(tmp_path, deep))
    assert treated.findings[0].condition == "vanishing-gradient"
    assert treated.candidate.settings["activation"] == "relu" and treated.repairs[-1].accepted


@pytest.mark.parametrize(
    "changes, path, usual",
    [({"weight_decay": 90.0}, "weight_decay", 0.01), ({"l1": 1.0}, "l1", 0.0), ({"ema": 0.9999}, "ema", 0.0)],
)
def test_settings_that_hold_a_training_back_become_usual_ones(tmp_path, changes, path, usual):
    treated = treat(fit(tmp_path, **changes))
    assert treated.repairs[-1].accepted and treated.candidate.train[path] == usual


def test_a_loss_that_units_mostly_off_make_wild_gets_them_back(tmp_path):
    treated = treat(fit(tmp_path, {"dropout": 0.98, "units": [16, 8]}))
    assert treated.candidate.settings["dropout"] == 0.1 and treated.repairs[0].accepted


def test_a_loss_that_is_not_finite_is_repaired_or_raised(tmp_path):
    wild = {"optimizer": "sgd", "learning_rate": 1e12, "clip": None, "warmup": 0.0}
    with pytest.raises(TrainingError, match="step"):
        treat(fit(tmp_path / "off", **wild), "off")
    treated = treat(fit(tmp_path / "on", **wild))
    assert treated.repairs[-1].accepted and treated.repairs[-1].effect.low > 0


def test_what_few_rows_cannot_show_is_asked_of_the_next_part(tmp_path):
    alone = treat(fit(tmp_path / "alone", rows=100, parts=1, weight_decay=20.0, stopping=0.0))
    assert alone.repairs[0].effect.rows == 17 and "not beyond chance" in alone.repairs[0].reason
    together = treat(fit(tmp_path / "together", rows=100, weight_decay=20.0, stopping=0.0))
    assert together.repairs[0].accepted and together.repairs[0].effect.rows == 34
    assert together.repairs[0].effect.low > 0 >= alone.repairs[0].effect.low


def test_an_edit_that_does_not_help_is_taken_back(tmp_path):
    own = fit(tmp_path)
    patient = trying.patient_of(own, lambda: False)
    before = trying.trained_to(patient, own.unit.candidate, treating.FIRST)
    claim = Finding("not-learning", "severe", Where(), Signal("loss", 1.0, 0.9, 100), "it does not learn")
    for edit in (
        RecipeEdit("train.weight_decay", 0.01, 0.0101, "nothing changes"),
        RecipeEdit("train.learning_rate", "auto", 1e-9, "it gets worse"),
    ):
        after = trying.trained_to(patient, trying.edited(before, edit), treating.FIRST)
        repair = trying.judge(patient, before, after, claim, edit)
        assert not repair.accepted and repair.reason.startswith("taken back")


def test_it_is_the_same_every_time_and_survives_being_written(tmp_path):
    one, other = (treat(fit(tmp_path / name, learning_rate=3.0)) for name in ("one", "other"))
    assert one.to_json() == other.to_json()
    assert Treated.from_json(one.to_json()) == one


def test_further_units_are_fitted_with_the_repaired_candidate(tmp_path):
    own = fit(tmp_path, learning_rate=3.0)
    document = own.folder.networks.treat(own.unit.candidate, lambda: treat(own).to_json())
    actual = own.folder.actual(Unit(own.unit.candidate, 2))
    assert actual == Unit(Candidate.model_validate(document["candidate"]), 2)
    assert own.folder.actual(actual) == actual
    assert own.folder.networks.treat(actual.candidate, lambda: pytest.fail("it was looked at already"))["repairs"] == []
