"""The domain classifier: it tells apart what differs, only that, and its odds are the ratio of the densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from luban.training import domains

NAMES = ("a", "b", "c", "d")


def sides(correlation: float, seed: int, rows: int = 400, moved: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Older rows whose `a` and `b` have a correlation of 0.9, and newer ones of this correlation, moved in `c`."""
    random = np.random.default_rng(seed)
    both = []
    for r, by in ((0.9, 0.0), (correlation, moved)):
        x = random.normal(size=(rows, 4))
        x[:, 1] = r * x[:, 0] + np.sqrt(1 - r**2) * x[:, 1]
        x[:, 2] += by
        both.append(x)
    return np.concatenate(both), np.arange(2 * rows) >= rows


def test_the_area_is_that_of_sklearn_and_its_interval_holds_it() -> None:
    random = np.random.default_rng(0)
    newer = random.random(300) < 0.4
    said = random.normal(size=300).round(1) + newer
    value, low, high, p = domains.area(said, newer)
    assert value == pytest.approx(roc_auc_score(newer, said))
    assert low < value < high
    assert p < 1e-6


def test_equal_sides_are_not_told_apart() -> None:
    found = [domains.told_apart(*sides(0.9, seed, 150), NAMES, seed) for seed in range(8)]
    assert sum(each.p < 0.01 for each in found) == 0
    assert np.mean([each.auc for each in found]) == pytest.approx(0.5, abs=0.03)


def test_columns_that_go_together_otherwise_are_seen_and_named() -> None:
    found = domains.told_apart(*sides(0.0, 1), NAMES, 1)
    assert found.auc > 0.65
    assert found.p < 1e-6
    assert {name for name, _ in found.carriers[:2]} == {"a", "b"}


def test_rows_that_are_given_twice_do_not_answer_for_each_other() -> None:
    inputs, newer = sides(0.9, 2, 60)
    again = np.concatenate([inputs[~newer], np.repeat(inputs[newer], 4, axis=0)])
    found = domains.told_apart(again, np.arange(len(again)) >= 60, NAMES, 2)
    assert found.auc < 0.62


def test_weights_give_older_rows_the_newer_mean() -> None:
    inputs, newer = sides(0.9, 3, 1000, moved=0.7)
    found = domains.told_apart(inputs, newer, NAMES, 3)
    weight, worth = domains.clipped(np.exp(found.odds[~newer]))
    assert np.average(inputs[~newer, 2], weights=weight) == pytest.approx(0.7, abs=0.2)
    assert weight.mean() == pytest.approx(1)
    assert 200 < worth < 900
    unseen = sides(0.9, 4, 1000)[0][:1000]
    other, _ = domains.clipped(found.weights(unseen))
    assert np.average(unseen[:, 2], weights=other) == pytest.approx(0.7, abs=0.2)


def test_wide_columns_become_few_directions() -> None:
    random = np.random.default_rng(5)
    inputs = csr_matrix(random.random((50, 41)) * (random.random((50, 41)) < 0.3))
    found = domains.narrowed(inputs, ["age", *["notes"] * 40], 5)
    assert found.sources == ("age", *["notes"] * domains.WIDEST)
    assert found(inputs).std(axis=0) == pytest.approx(1)
