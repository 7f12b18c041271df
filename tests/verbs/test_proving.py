"""The loss of each row by which an edit is judged: of classes, values, steps of a series, and several targets."""

import numpy as np
import pytest

import luban
from luban.core import registry
from luban.data.open import open_dataset
from luban.protocols import Target
from luban.recipe.edit import changed
from luban.recipe.recipe import Recipe
from luban.verbs import proving
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given


def task(name):
    return registry.find("tasks", name)


def test_of_values_it_is_the_squared_error():
    found = proving.losses(task("regression"), np.array([[1.0], [2.0]]), np.array([1.0, 5.0]))
    assert found.tolist() == [0.0, 9.0]


def test_of_classes_it_is_the_log_loss():
    found = proving.losses(task("binary"), np.array([[0.25, 0.75]]), np.array([1]))
    assert found == pytest.approx([-np.log(0.75)])


def test_of_a_forecast_it_is_the_mean_over_its_steps_and_the_scale_behind_them_counts_for_nothing():
    outputs, target = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[1.0, 4.0, 77.0], [3.0, 1.0, 77.0]])
    assert proving.losses(task("forecasting"), outputs, target).tolist() == [2.0, 5.0]


def test_of_several_targets_it_is_the_mean_and_one_that_is_missing_adds_nothing():
    several = task("multi-task").of_targets(
        [Target("size", task("regression"), (), 1), Target("kind", task("binary"), ("a", "b"), 2)]
    )
    outputs = np.array([[1.0, 0.5, 0.5], [4.0, 0.5, 0.5], [7.0, 0.5, 0.5]])
    target = np.array([[3.0, 1.0], [5.0, np.nan], [np.nan, 0.0]])
    # The values 3 and 5 have a variance of 1.
    wanted = [(4.0 + np.log(2)) / 2, 1.0 / 2, np.log(2) / 2]
    assert proving.losses(several, outputs, target) == pytest.approx(wanted)


def test_an_edit_is_judged_where_several_values_are_predicted():
    """Of two columns of values; scaling does not change what a linear model with hardly a penalty says."""
    recipe = changed(Recipe(), {"target": "progression", "also": ["bmi"], "features.scale": "none"})
    dataset = open_dataset(luban.sample("diabetes").path)
    before, after = (
        prepare(dataset, Given(), changed(recipe, {"features.scale": scale})) for scale in ("none", "standard")
    )
    helped, reason, old, new = proving.effect(before, after)
    assert helped or "not beyond chance" in reason
    assert 0 < new < 2 and 0 < old < 2
