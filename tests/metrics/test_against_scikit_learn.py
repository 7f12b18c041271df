"""Every metric equals scikit-learn's, and a slow and obvious formula where scikit-learn has none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn import metrics as oracle

from luban.batch import Answers, Array
from luban.core import registry
from luban.metrics.expected_calibration_error import BINS

ROWS = 157


def score(name: str, target: Array, answers: Answers, weight: Array | None) -> float:
    return float(registry.find("metrics", name).score(target, answers, weight))


def weights(kind: str, random: np.random.Generator, rows: int = ROWS) -> Array | None:
    given = {"fractions": random.random(rows) + 0.01, "counts": random.integers(0, 4, rows).astype(np.float64)}
    return given.get(kind)


def binary(random: np.random.Generator) -> tuple[Array, Answers, Array]:
    """With ties in the probabilities, since they are rounded."""
    probability = random.random(ROWS).round(2)
    target = (random.random(ROWS) < probability).astype(np.int64)
    outputs = np.stack([1 - probability, probability], axis=1)
    return target, Answers((probability >= 0.5).astype(np.int64), outputs), probability


def multiclass(random: np.random.Generator) -> tuple[Array, Answers, Array]:
    outputs = random.dirichlet(np.ones(4), ROWS)
    return random.integers(0, 4, ROWS), Answers(outputs.argmax(axis=1), outputs), outputs


def multilabel(random: np.random.Generator) -> tuple[Array, Answers, Array]:
    outputs = random.random((ROWS, 3)).round(2)
    return random.integers(0, 2, (ROWS, 3)), Answers((outputs >= 0.5).astype(np.int64), outputs), outputs


def regression(random: np.random.Generator) -> tuple[Array, Answers]:
    target = random.normal(size=ROWS)
    return target, Answers(target + random.normal(size=ROWS))


@pytest.mark.parametrize("kind", ["none", "fractions", "counts"])
def test_two_classes(kind: str) -> None:
    random = np.random.default_rng(1)
    target, answers, probability = binary(random)
    weight = weights(kind, random)
    expected = {
        "accuracy": oracle.accuracy_score(target, answers.prediction, sample_weight=weight),
        "balanced-accuracy": oracle.balanced_accuracy_score(target, answers.prediction, sample_weight=weight),
        "f1": oracle.f1_score(target, answers.prediction, sample_weight=weight),
        "roc-auc": oracle.roc_auc_score(target, probability, sample_weight=weight),
        "average-precision": oracle.average_precision_score(target, probability, sample_weight=weight),
        "log-loss": oracle.log_loss(target, answers.probabilities, sample_weight=weight),
        "brier": oracle.brier_score_loss(target, probability, sample_weight=weight),
    }
    assert {name: score(name, target, answers, weight) for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["none", "fractions", "counts"])
def test_several_classes(kind: str) -> None:
    random = np.random.default_rng(2)
    target, answers, outputs = multiclass(random)
    weight = weights(kind, random)
    expected = {
        "accuracy": oracle.accuracy_score(target, answers.prediction, sample_weight=weight),
        "balanced-accuracy": oracle.balanced_accuracy_score(target, answers.prediction, sample_weight=weight),
        "f1": oracle.f1_score(target, answers.prediction, sample_weight=weight, average="macro"),
        "roc-auc": oracle.roc_auc_score(target, outputs, sample_weight=weight, multi_class="ovr"),
        "average-precision": oracle.average_precision_score(target, outputs, sample_weight=weight),
        "log-loss": oracle.log_loss(target, outputs, sample_weight=weight),
        "brier": oracle.brier_score_loss(target, outputs, sample_weight=weight, scale_by_half=True),
    }
    assert {name: score(name, target, answers, weight) for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["none", "fractions", "counts"])
def test_labels(kind: str) -> None:
    random = np.random.default_rng(3)
    target, answers, outputs = multilabel(random)
    weight = weights(kind, random)
    columns = range(3)
    clipped = np.clip(outputs, np.finfo(float).eps, 1 - np.finfo(float).eps)
    expected = {
        "accuracy": oracle.accuracy_score(target, answers.prediction, sample_weight=weight),
        "f1": oracle.f1_score(target, answers.prediction, sample_weight=weight, average="macro"),
        "roc-auc": oracle.roc_auc_score(target, outputs, sample_weight=weight),
        "average-precision": oracle.average_precision_score(target, outputs, sample_weight=weight),
        "log-loss": np.mean([oracle.log_loss(target[:, c], clipped[:, c], sample_weight=weight) for c in columns]),
        "brier": np.mean([oracle.brier_score_loss(target[:, c], outputs[:, c], sample_weight=weight) for c in columns]),
    }
    assert {name: score(name, target, answers, weight) for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["none", "fractions", "counts"])
def test_values(kind: str) -> None:
    random = np.random.default_rng(4)
    target, answers = regression(random)
    weight = weights(kind, random)
    given = (target, answers.prediction)
    expected = {
        "rmse": oracle.root_mean_squared_error(*given, sample_weight=weight),
        "mae": oracle.mean_absolute_error(*given, sample_weight=weight),
        "r2": oracle.r2_score(*given, sample_weight=weight),
        "median-absolute-error": oracle.median_absolute_error(*given, sample_weight=weight),
    }
    assert {name: score(name, target, answers, weight) for name in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["none", "fractions", "counts"])
def test_correlations(kind: str) -> None:
    from scipy import stats

    random = np.random.default_rng(6)
    target, answers = regression(random)
    target, said = target.round(1), np.asarray(answers.prediction).round(1)
    weight = weights(kind, random)
    own = np.ones(ROWS) if weight is None else weight
    among = np.cov(target, said, aweights=own)
    assert score("pearson", target, Answers(said), weight) == pytest.approx(
        among[0, 1] / np.sqrt(among[0, 0] * among[1, 1]), abs=1e-12
    )
    if kind == "fractions":
        # The place of a row among others of fractional weight: what is below it, and half of what is beside it.
        ranks = [np.array([own[v < x].sum() + own[v == x].sum() / 2 for x in v]) for v in (target, said)]
        among = np.cov(*ranks, aweights=own)
        expected = among[0, 1] / np.sqrt(among[0, 0] * among[1, 1])
    else:
        again = np.repeat(np.arange(ROWS), own.astype(np.int64))
        expected = stats.spearmanr(target[again], said[again]).statistic
    assert score("spearman", target, Answers(said), weight) == pytest.approx(expected, abs=1e-12)


def test_correlations_know_no_scale_and_the_order_alone_is_spearmans() -> None:
    target = np.array([0.0, 1.0, 2.0, 3.0])
    for name in ("pearson", "spearman"):
        for large in (1e-9, 1.0, 1e140):
            assert score(name, target, Answers(large * target), None) == pytest.approx(1.0)
            assert score(name, target, Answers(1e9 - 1e3 * target), None) == pytest.approx(-1.0)
        assert score(name, target, Answers(np.full(4, 0.1)), None) == 0.0, "one prediction puts rows into no order"
        assert np.isnan(score(name, np.full(4, 0.1), Answers(target), None)), "and one truth has none"
    assert score("spearman", target, Answers(np.exp(9 * target)), None) == pytest.approx(1.0)
    assert score("pearson", target, Answers(np.exp(9 * target)), None) < 0.8


def test_roc_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    random = np.random.default_rng(5)
    target, answers, probability = binary(random)
    weight = random.random(ROWS)
    right = total = 0.0
    for i in np.flatnonzero(target == 1):
        for j in np.flatnonzero(target == 0):
            pair = weight[i] * weight[j]
            total += pair
            right += pair * (float(probability[i] > probability[j]) + 0.5 * float(probability[i] == probability[j]))
    assert score("roc-auc", target, answers, weight) == pytest.approx(right / total)


def test_average_precision_walks_down_the_thresholds() -> None:
    target, answers, probability = binary(np.random.default_rng(6))
    area = recall = 0.0
    for cut in sorted(set(probability), reverse=True):
        said = probability >= cut
        reached = (said & (target == 1)).sum() / (target == 1).sum()
        area += (reached - recall) * (said & (target == 1)).sum() / said.sum()
        recall = reached
    assert score("average-precision", target, answers, None) == pytest.approx(area)


def test_calibration_error_is_the_debiased_mean_gap() -> None:
    """The mean of |N(gap, error)| is drawn here; the metric has it in closed form."""
    random = np.random.default_rng(7)
    target, answers, outputs = multiclass(random)
    order = np.argsort(outputs.max(axis=1))
    right = outputs.argmax(axis=1) == target
    edges = [(number * ROWS) // BINS for number in range(BINS + 1)]
    expected = 0.0
    for start, end in itertools.pairwise(edges):
        rows = order[start:end]
        accuracy, n = right[rows].mean(), len(rows)
        gap = abs(accuracy - outputs[rows].max(axis=1).mean())
        error = np.sqrt(accuracy * (1 - accuracy) / (n - 1))
        expected += n / ROWS * (2 * gap - np.abs(random.normal(gap, error, 200_000)).mean())
    assert score("expected-calibration-error", target, answers, None) == pytest.approx(expected, abs=1e-3)


def test_calibration_error_of_honest_probabilities_is_near_zero_and_of_boasts_the_boast() -> None:
    random = np.random.default_rng(8)
    probability = random.uniform(0.5, 0.9, 20_000)
    right = (random.random(20_000) < probability).astype(np.int64)
    honest = Answers(np.ones(20_000, np.int64), np.stack([1 - probability, probability], axis=1))
    boast = Answers(np.ones(20_000, np.int64), np.stack([0.9 - probability, probability + 0.1], axis=1))
    assert score("expected-calibration-error", right, honest, None) < 0.008
    assert score("expected-calibration-error", right, boast, None) == pytest.approx(0.1, abs=0.01)


def test_a_class_that_the_model_does_not_know_counts_as_wrong() -> None:
    target, outputs = np.array([-1, 1]), np.array([[0.4, 0.6], [0.4, 0.6]])
    answers = Answers(np.array([1, 1]), outputs)
    assert score("accuracy", target, answers, None) == 0.5
    assert score("log-loss", target, answers, None) > 15


def test_scores_of_huge_values_are_finite() -> None:
    target = np.array([1e149, -1e149, 3e148])
    assert score("rmse", target, Answers(np.zeros(3)), None) == pytest.approx(np.sqrt((1 + 1 + 0.09) / 3) * 1e149)
    assert score("r2", target, Answers(target), None) == 1.0
