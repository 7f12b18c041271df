"""Under which terms an edit is kept, whatever it was tried on."""

import numpy as np
import pytest

from luban.core import registry
from luban.evidence.finding import Effect, Repair
from luban.recipe.edit import RecipeEdit
from luban.training import proof

ALL = np.arange(60), np.arange(60, 90)


def effect(low, high, value=None):
    return proof.Gain(Effect("brier", (low + high) / 2 if value is None else value, low, high, 60), 0.3, 0.2)


def judged(gains, **told):
    """gains: on the rows that prove, and on those that may contradict."""
    edit = RecipeEdit("model.linear.C", 0.1, 10.0, "weights are freer")
    shown = {60: gains[0], 30: gains[-1]}
    terms = {"still_seen": False, "new": (), "proving": ALL[0], "untouched": ALL[1], **told}
    repair = Repair("underfitting", (edit,), False, "", model="linear")
    return proof.judged(repair, gain=lambda rows: shown[len(rows)], **terms)


def test_a_gain_beyond_chance_that_nothing_contradicts_is_kept():
    repair = judged([effect(0.01, 0.2)])
    assert repair.accepted and repair.reason.startswith("weights are freer; brier on 60 rows")
    assert (repair.before, repair.after, repair.effect.low) == (0.3, 0.2, 0.01)


@pytest.mark.parametrize(
    "gains, told, why",
    [
        ([effect(-0.01, 0.2)], {}, "not beyond chance"),
        ([effect(0.0, 0.2)], {}, "not beyond chance"),
        ([effect(0.01, 0.2), effect(-0.3, -0.1)], {}, "further rows say the opposite"),
        ([effect(0.01, 0.2)], {"still_seen": True}, "underfitting is still seen"),
        ([effect(0.01, 0.2)], {"new": {"miscalibration"}}, "miscalibration is new"),
        ([effect(-0.2, -0.01)], {"structural": True}, "is worse beyond chance"),
    ],
)
def test_each_term_that_fails_takes_it_back(gains, told, why):
    repair = judged(gains, **told)
    assert not repair.accepted and repair.reason.startswith("taken back: ") and why in repair.reason


def test_where_the_signal_is_the_proof_no_gain_is_asked_for():
    assert judged([effect(-0.05, 0.05, 0.0)], structural=True).accepted


@pytest.mark.parametrize("metric, sign", [("brier", 1.0), ("accuracy", 1.0)])
def test_a_gain_is_positive_where_the_later_answers_are_better(metric, sign):
    random, task = np.random.default_rng(0), registry.find("tasks", "binary")
    target = random.integers(0, 2, 200)
    good, poor = (np.where(random.random(200) < share, target, 1 - target) for share in (0.95, 0.6))
    said = [np.stack([1.0 - each, each], axis=1) * 0.8 + 0.1 for each in (poor, good)]
    found = proof.gain(registry.find("metrics", metric), task, target, *said)
    assert found.effect.low > 0 and found.effect.rows == 200
    back = proof.gain(registry.find("metrics", metric), task, target, *reversed(said))
    assert back.effect.high < 0 and back.contradicts
    assert (back.before, back.after) == (found.after, found.before)


def test_rows_that_prove_and_rows_that_contradict_are_all_rows_once():
    proving, untouched = proof.parts(90, 3)
    assert (len(proving), len(untouched)) == (60, 30)
    assert sorted([*proving, *untouched]) == list(range(90))
