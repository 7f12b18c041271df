"""luban's estimators keep scikit-learn's contract, and say what luban's own models say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from luban.sklearn import LubanClassifier, LubanRegressor

MODELS = ("linear", "gradient_boosting")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", [LubanClassifier, LubanRegressor])
def test_scikit_learns_own_checks_pass(kind, model):
    results = check_estimator(kind(model), on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    # It runs only where an environment variable was set before scipy was imported.
    assert skipped <= {"check_array_api_input"}
    assert len(results) > 40


def test_the_checks_can_fail():
    class Forgetful(LubanClassifier):
        def predict(self, X):
            return super().predict(X)[:1]

    with pytest.raises((AssertionError, ValueError)):
        check_estimator(Forgetful(), on_skip=None)


def test_a_pipeline_and_cross_validation_take_it():
    rows, species = load_iris(return_X_y=True)
    pipeline = make_pipeline(PolynomialFeatures(2), LubanClassifier("linear"))
    assert cross_val_score(pipeline, rows, species, cv=3).mean() > 0.9


def test_what_is_learned_is_a_bundle():
    rows, species = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[species]
    fitted = LubanClassifier("svm").fit(rows, names)
    assert fitted.bundle_.classes == tuple(fitted.classes_) == ("setosa", "versicolor", "virginica")
    assert fitted.bundle_.predict(rows[:3]).tolist() == fitted.predict(rows[:3]).tolist()
    assert fitted.predict_proba(rows).sum(axis=1) == pytest.approx(np.ones(150))


def test_settings_and_recipe_reach_the_model():
    rows, species = load_iris(return_X_y=True)
    recipe = LubanClassifier("svm", recipe=None).fit(rows, species).bundle_.recipe
    changed = recipe.model_copy(update={"model": recipe.model.model_copy(update={"svm": {"C": 1.0, "gamma": 0.1}})})
    fitted = LubanClassifier("svm", recipe=changed).fit(rows, species)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    theirs = SVC(C=1.0, gamma=0.1).fit(scaled, species)
    assert (fitted.predict(rows) == theirs.predict(scaled)).all()


def test_missing_values_are_filled_and_random_state_changes_trees():
    rows, values = load_diabetes(return_X_y=True)
    rows[::7, 2] = np.nan
    first, second = (LubanRegressor("random_forest", random_state=seed).fit(rows, values) for seed in (0, 1))
    assert np.isfinite(first.predict(rows)).all()
    assert (first.predict(rows) != second.predict(rows)).any()
    again = LubanRegressor("random_forest", random_state=0).fit(rows, values)
    assert (first.predict(rows) == again.predict(rows)).all()


@pytest.mark.slow
def test_auto_searches_and_fits_all_rows():
    rows, species = load_iris(return_X_y=True)
    fitted = LubanClassifier("linear,knn").fit(rows, species)
    assert fitted.score(rows, species) > 0.9
    assert fitted.bundle_.recipe.train.refit == "all"
