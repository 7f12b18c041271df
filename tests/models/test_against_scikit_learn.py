"""The stored forms say what scikit-learn's own estimators say, fitted by hand on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import datasets
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, HuberRegressor, LogisticRegression, QuantileRegressor
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR, LinearSVC

from luban.batch import Array, Batch
from luban.protocols import Form, Work
from models.tables import UNSEEN, fit, table


def measured(name: str) -> tuple[Array, Array]:
    """A real table: standardised columns as float32, and the target."""
    found = getattr(datasets, f"load_{name}")()
    inputs = (found.data - found.data.mean(axis=0)) / found.data.std(axis=0)
    return inputs.astype(np.float32), found.target


def of(
    name: str, inputs: Array, target: Array | None, task: str, outputs: int, loss: str = "auto", **given: Any
) -> Form:
    work = Work(task, outputs, *inputs.shape, loss=loss)
    return fit(name, Batch(inputs, target), work, settings=given)


IRIS, SPECIES = measured("iris")
CANCER, DIAGNOSIS = measured("breast_cancer")
BODY, PROGRESSION = measured("diabetes")
PROGRESSION = PROGRESSION.astype(np.float64)
STANDARD = (PROGRESSION - PROGRESSION.mean()) / PROGRESSION.std()
CLASSES = {"iris": (IRIS, SPECIES, "multiclass", 3), "cancer": (CANCER, DIAGNOSIS, "binary", 2)}

on_classes = pytest.mark.parametrize("rows", CLASSES)


@on_classes
def test_logistic_regression(rows: str) -> None:
    inputs, target, *_ = CLASSES[rows]
    theirs = LogisticRegression(C=0.5, max_iter=500).fit(inputs.astype(np.float64), target)
    ours = of("linear", *CLASSES[rows], C=0.5).outputs(inputs)
    assert ours == pytest.approx(theirs.predict_proba(inputs.astype(np.float64)), abs=1e-12)


def test_ridge_regression_is_the_solution_of_its_normal_equations() -> None:
    rows = BODY.astype(np.float64)
    centred = rows - rows.mean(axis=0)
    slopes = np.linalg.solve(centred.T @ centred + np.eye(rows.shape[1]) / 0.1, centred.T @ STANDARD)
    wanted = PROGRESSION.mean() + PROGRESSION.std() * (centred @ slopes)
    ours = of("linear", BODY, PROGRESSION, "regression", 1, C=0.1).outputs(BODY)[:, 0]
    assert ours == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("penalty", "ratio"), [("l1", 1.0), ("elastic-net", 0.3)])
def test_lasso_and_elastic_net(penalty: str, ratio: float) -> None:
    theirs = ElasticNet(alpha=1 / (0.05 * len(BODY)), l1_ratio=ratio, max_iter=10_000).fit(BODY, STANDARD)
    ours: Any = of("linear", BODY, PROGRESSION, "regression", 1, C=0.05, penalty=penalty, l1_ratio=0.3)
    wanted = theirs.predict(BODY) * PROGRESSION.std() + PROGRESSION.mean()
    assert ours.outputs(BODY)[:, 0] == pytest.approx(wanted, rel=1e-4)
    assert (ours.weights == 0).any()


@pytest.mark.parametrize("loss", ["absolute", "huber"])
def test_losses_of_values(loss: str) -> None:
    rows = BODY.astype(np.float64)
    kind = {"absolute": QuantileRegressor(alpha=1 / len(BODY)), "huber": HuberRegressor(alpha=1.0, max_iter=1000)}[loss]
    wanted = kind.fit(rows, STANDARD).predict(rows) * PROGRESSION.std() + PROGRESSION.mean()
    ours = of("linear", BODY, PROGRESSION, "regression", 1, loss=loss).outputs(BODY)[:, 0]
    assert ours == pytest.approx(wanted, rel=1e-6)


@on_classes
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_support_vector_machines_answer_as_libsvm_and_liblinear_do(rows: str, kernel: str) -> None:
    inputs, target, *_ = CLASSES[rows]
    theirs = SVC(C=2.0) if kernel == "rbf" else LinearSVC(C=2.0, random_state=0, max_iter=5_000)
    ours = of("svm", *CLASSES[rows], C=2.0, kernel=kernel).outputs(inputs)
    assert (ours.argmax(axis=1) == theirs.fit(inputs, target).predict(inputs)).all()


def test_a_radial_machine_with_c_1_and_gamma_0_1_on_iris() -> None:
    ours = of("svm", *CLASSES["iris"], C=1.0, gamma=0.1).outputs(IRIS)
    theirs = SVC(C=1.0, gamma=0.1).fit(IRIS, SPECIES)
    assert (ours.argmax(axis=1) == theirs.predict(IRIS)).all()
    assert theirs.score(IRIS, SPECIES) > 0.96


def test_the_decision_of_a_machine_of_two_classes_orders_the_rows() -> None:
    ours = of("svm", *CLASSES["cancer"]).outputs(CANCER)[:, 1]
    decisions = SVC().fit(CANCER, DIAGNOSIS).decision_function(CANCER)
    logits = np.log(ours) - np.log1p(-ours)
    assert np.corrcoef(logits, decisions)[0, 1] == pytest.approx(1.0, abs=1e-9)
    assert ((decisions > 0) == (ours > 0.5)).all()


def test_support_vector_regression() -> None:
    theirs = SVR(C=2.0, epsilon=0.2).fit(BODY, STANDARD)
    ours = of("svm", BODY, PROGRESSION, "regression", 1, C=2.0, epsilon=0.2).outputs(BODY)[:, 0]
    assert ours == pytest.approx(theirs.predict(BODY) * PROGRESSION.std() + PROGRESSION.mean(), rel=1e-9)


def test_a_tube_that_holds_every_value_leaves_one_answer() -> None:
    ours = of("svm", BODY, PROGRESSION, "regression", 1, epsilon=50.0)
    assert ours.kind == "constant"
    theirs = SVR(epsilon=50.0).fit(BODY, STANDARD).predict(BODY) * PROGRESSION.std() + PROGRESSION.mean()
    assert ours.outputs(BODY)[:, 0] == pytest.approx(theirs)


@on_classes
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_forests_of_classes(rows: str, kind: Any) -> None:
    inputs, target, *_ = CLASSES[rows]
    name = "random-forest" if kind is RandomForestClassifier else "extra-trees"
    theirs = kind(30, random_state=0, min_samples_leaf=2).fit(inputs, target)
    ours = of(name, *CLASSES[rows], trees=30, leaf=2).outputs(inputs)
    assert ours == pytest.approx(theirs.predict_proba(inputs), abs=1e-6)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_forests_of_values(kind: Any) -> None:
    name = "random-forest" if kind is RandomForestRegressor else "extra-trees"
    theirs = kind(30, random_state=0, max_features=1 / 3).fit(BODY, STANDARD)
    ours = of(name, BODY, PROGRESSION, "regression", 1, trees=30, columns="third").outputs(BODY)[:, 0]
    assert ours == pytest.approx(theirs.predict(BODY) * PROGRESSION.std() + PROGRESSION.mean(), rel=1e-6)


def test_isolation_forest() -> None:
    batch, work = table("anomaly")
    theirs = IsolationForest(n_estimators=50, max_samples=100, random_state=0).fit(batch.inputs)
    ours = fit("isolation-forest", batch, work, settings={"trees": 50, "rows": 100})
    assert ours.outputs(UNSEEN)[:, 0] == pytest.approx(-theirs.score_samples(UNSEEN), abs=1e-6)


@pytest.mark.parametrize("weighting", ["uniform", "distance"])
def test_nearest_neighbours(weighting: str) -> None:
    batch, work = table("regression")
    theirs = KNeighborsRegressor(7, weights=weighting).fit(batch.inputs, batch.target)
    ours = fit("knn", batch, work, settings={"neighbours": 7, "weighting": weighting})
    assert ours.outputs(UNSEEN)[:, 0] == pytest.approx(theirs.predict(UNSEEN), rel=1e-6)


def test_nearest_neighbours_count_as_many_votes_as_there_are_and_one_more_for_the_shares_of_all_rows() -> None:
    batch, work = table("multiclass")
    assert batch.target is not None
    theirs = KNeighborsClassifier(7).fit(batch.inputs, batch.target)
    ours = fit("knn", batch, work, settings={"neighbours": 7, "weighting": "uniform"})
    shares = np.bincount(batch.target) / len(batch)
    assert ours.outputs(UNSEEN) == pytest.approx((7 * theirs.predict_proba(UNSEEN) + shares) / 8, abs=1e-9)


def test_k_means() -> None:
    batch, work = table("clustering")
    theirs = KMeans(3, n_init=10, random_state=0).fit(batch.inputs.astype(np.float64))
    ours = fit("kmeans", batch, work, settings={"clusters": 3})
    assert (ours.outputs(UNSEEN).argmax(axis=1) == theirs.predict(UNSEEN.astype(np.float64))).all()


@pytest.mark.parametrize(("covariance", "kind"), [("full", "full"), ("diagonal", "diag")])
def test_gaussian_mixtures(covariance: str, kind: str) -> None:
    batch, work = table("clustering")
    theirs = GaussianMixture(3, covariance_type=kind, reg_covar=1e-4, n_init=2, random_state=0)
    theirs.fit(batch.inputs.astype(np.float64))
    ours = fit("gaussian-mixture", batch, work, settings={"clusters": 3, "covariance": covariance})
    assert ours.outputs(UNSEEN) == pytest.approx(theirs.predict_proba(UNSEEN.astype(np.float64)), abs=1e-9)


def test_hdbscan_gives_its_rows_the_clusters_that_they_were_given() -> None:
    batch, work = table("clustering")
    labels = HDBSCAN(min_cluster_size=5, copy=True).fit(batch.inputs.astype(np.float64)).labels_
    ours = fit("hdbscan", batch, work, settings={"smallest": 5}).outputs(batch.inputs).argmax(axis=1)
    assert (ours == np.where(labels >= 0, labels, labels.max() + 1)).all()
