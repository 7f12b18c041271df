"""What models must say of tables whose answer is known without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from luban.batch import Array, Batch
from luban.models import _answering, _clusters
from luban.protocols import Work
from models.tables import ROWS, UNSEEN, WIDTH, fit, table

NOTHING = np.zeros((4, 1), dtype=np.float32)


@pytest.mark.parametrize(
    ("loss", "weight", "answer"),
    [("auto", None, 3.25), ("auto", [1, 1, 1, 5], 6.125), ("absolute", None, 1.5), ("huber", [1, 1, 1, 5], 9.0)],
)
def test_the_baseline_of_values_is_their_mean_or_where_absolute_errors_count_their_median(
    loss: str, weight: list[float] | None, answer: float
) -> None:
    batch = Batch(NOTHING, np.array([1.0, 1.0, 2.0, 9.0]), None if weight is None else np.array(weight, float))
    form = fit("constant", batch, Work("regression", 1, 4, 1, loss=loss))
    assert form.outputs(NOTHING)[0, 0] == pytest.approx(answer)


def test_the_baseline_of_classes_gives_each_one_row_more_than_it_has() -> None:
    batch = Batch(NOTHING, np.array([0, 0, 0, 2]))
    form = fit("constant", batch, Work("multiclass", 3, 4, 1))
    assert form.outputs(NOTHING)[0] == pytest.approx([4 / 7, 1 / 7, 2 / 7])


def test_the_baseline_of_labels_gives_yes_and_no_of_each_one_row_more() -> None:
    batch = Batch(NOTHING, np.array([[1, 0], [1, 0], [0, 0], [0, 0]]))
    form = fit("constant", batch, Work("multilabel", 2, 4, 1))
    assert form.outputs(NOTHING)[0] == pytest.approx([0.5, 1 / 6])


@pytest.mark.parametrize("name", ["constant", "linear", "knn", "svm"])
def test_a_row_that_weighs_two_counts_as_the_row_twice(name: str) -> None:
    """The neighbours are as many as there are rows, so that doubling rows does not change who is near."""
    batch, work = table("regression")
    counts = np.random.default_rng(0).integers(1, 4, ROWS)
    every = np.repeat(np.arange(ROWS), counts)
    answers = []
    for given in (replace(batch, weight=counts.astype(np.float64)), batch.take(every)):
        settings: dict[str, Any] = {"neighbours": len(given), "weighting": "distance", "epsilon": 0.0}
        answers.append(fit(name, given, replace(work, rows=len(given)), settings=settings).outputs(UNSEEN))
    # A target is standardised by the deviation of its rows, whatever they weigh, so a penalty differs a little.
    spread = float(np.std(answers[0])) or 1.0
    assert answers[0] == pytest.approx(answers[1], abs=0.05 * spread)


def test_balanced_weights_make_every_class_weigh_the_same_and_keep_the_sum() -> None:
    target, own = np.array([0, 0, 0, 1]), np.array([1.0, 2.0, 1.0, 1.0])
    weight = _answering.balanced(target, own, Work("binary", 2, 4, 1, class_weight="balanced"))
    assert weight is not None
    assert np.bincount(target, weight) == pytest.approx([2.5, 2.5])
    assert _answering.balanced(target, own, Work("binary", 2, 4, 1)) is own


@pytest.mark.parametrize("count", [2, 3, 7])
def test_folds_share_out_each_class(count: int) -> None:
    codes = np.array([0] * 20 + [1] * 7 + [2] * 3)
    fold = _answering.folds(codes, count, seed=4)
    for code in range(3):
        held = np.bincount(fold[codes == code], minlength=count)
        assert held.max() - held.min() <= 1
    assert not np.array_equal(fold, _answering.folds(codes, count, seed=5))


def blobs(clusters: int, rows: int = 150) -> Array:
    """Round clusters that lie six deviations apart."""
    random = np.random.default_rng(3)
    return (random.normal(size=(rows, 2)) + 8.0 * np.eye(6)[np.arange(rows) % clusters, :2]).astype(np.float32)


@pytest.mark.parametrize("name", ["kmeans", "gaussian-mixture", "hdbscan"])
def test_clusters_that_lie_apart_are_counted(name: str) -> None:
    inputs = blobs(3)
    form: Any = fit(name, Batch(inputs), Work("clustering", 1, *inputs.shape))
    assert form.choice.clusters == 3
    labels = form.outputs(inputs).argmax(axis=1)
    for cluster in range(3):
        assert np.bincount(labels[cluster::3]).max() > 0.8 * len(labels[cluster::3])
    assert form.choice.reason
    for trial in form.choice.trials:
        assert -1 <= trial.stability <= 1


def test_the_number_of_clusters_that_is_right_is_the_stable_one() -> None:
    inputs = blobs(3)
    form: Any = fit("kmeans", Batch(inputs), Work("clustering", 1, *inputs.shape), settings={"most": 6})
    stability = {trial.clusters: trial.stability for trial in form.choice.trials}
    assert stability[3] > 0.99
    assert stability[3] > max(stability[5], stability[6])


@pytest.mark.parametrize("name", ["kmeans", "gaussian-mixture", "hdbscan"])
def test_two_different_rows_many_times_are_clustered_without_a_warning(name: str) -> None:
    inputs = np.repeat(np.array([[0, 0], [5, 5]], dtype=np.float32), 20, axis=0)
    answers = fit(name, Batch(inputs), Work("clustering", 1, 40, 2)).outputs(inputs).argmax(axis=1)
    assert len(set(answers[:20])) == len(set(answers[20:])) == 1
    assert answers[0] != answers[20]


def test_a_sample_of_rows_is_drawn_from_all_of_them() -> None:
    drawn = _clusters.some(10_000, seed=0)
    assert len(drawn) == len(set(drawn)) == _clusters.MOST_JUDGED
    assert np.histogram(drawn, bins=10, range=(0, 10_000))[0].min() > 100
    assert np.array_equal(_clusters.some(50, seed=0), np.arange(50))
    assert len(_clusters.some(10_000, seed=0, most=9_000)) == 9_000


def test_the_unusual_rows_have_the_highest_anomaly_scores() -> None:
    batch, work = table("anomaly")
    inputs = batch.inputs.copy()
    inputs[:4] += 8.0
    scores = fit("isolation-forest", Batch(inputs), work, settings={"trees": 100}).outputs(inputs)[:, 0]
    assert set(np.argsort(scores)[-4:]) == {0, 1, 2, 3}
    assert scores.min() > 0.3 and scores.max() < 1.0


def test_a_machine_with_more_rows_than_its_limit_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from luban.models import svm

    for task in ("binary", "multiclass", "regression"):
        batch, work = table(task)
        exact = fit("svm", batch, work).outputs(UNSEEN)
        with monkeypatch.context() as patched:
            patched.setattr(svm, "MOST_EXACT", 100)
            near: Any = fit("svm", batch, work)
        assert near.kind == "kernel"
        assert np.corrcoef(near.outputs(UNSEEN)[:, 0], exact[:, 0])[0, 1] > 0.8, task


def test_a_machine_of_two_classes_says_probabilities_that_come_true() -> None:
    random = np.random.default_rng(5)
    inputs = random.normal(size=(1500, 2)).astype(np.float32)
    chance = 1 / (1 + np.exp(-2 * inputs[:, 0]))
    target = (random.random(1500) < chance).astype(np.int64)
    form = fit("svm", Batch(inputs[:500], target[:500]), Work("binary", 2, 500, 2))
    said = form.outputs(inputs[500:])[:, 1]
    assert abs(said - chance[500:]).mean() < 0.1


def test_boosting_finds_by_itself_how_many_rounds_are_enough() -> None:
    random = np.random.default_rng(6)
    inputs = random.normal(size=(500, WIDTH)).astype(np.float32)
    noise = random.integers(0, 2, 500)
    form: Any = fit("gradient-boosting", Batch(inputs, noise), Work("binary", 2, 500, WIDTH), settings={"rounds": None})
    assert 1 <= len(form.roots) < 100
