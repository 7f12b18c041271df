"""The threshold is the best one for what was asked, and says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from luban.batch import Array
from luban.core import registry
from luban.core.errors import UsageError
from luban.training import threshold

BINARY = registry.find("tasks", "binary")


def metric(name: str) -> Any:
    return registry.find("metrics", name)


def rows(count: int = 2_000, share: float = 0.2, seed: int = 0) -> tuple[Array, Array]:
    """Calibrated probabilities of a rare class, and targets that follow them."""
    random = np.random.default_rng(seed)
    probability = random.beta(share * 2, (1 - share) * 2, count)
    return probability, (random.random(count) < probability).astype(np.int64)


def test_no_other_threshold_scores_better() -> None:
    probability, target = rows(300)
    found, reason = threshold.by_metric(probability, target, metric("f1"), BINARY)
    outputs = np.stack([1 - probability, probability], axis=1)

    def score(cut: float) -> float:
        return float(metric("f1").score(target, BINARY.answers(outputs, cut)))

    assert score(found) >= max(score(cut) for cut in np.linspace(0, 1, 2_001))
    assert found < 0.5, "a rare class is found by a lower threshold"
    assert "f1 on 300 held-out rows" in reason


def test_a_metric_of_probabilities_needs_no_threshold() -> None:
    for name in ("roc-auc", "log-loss", "brier"):
        found, reason = threshold.by_metric(*rows(), metric(name), BINARY)
        assert found == 0.5 and "does not depend" in reason


def test_weights_count() -> None:
    probability, target = rows()
    heavy = np.where(target == 1, 20.0, 1.0)
    plain = threshold.by_metric(probability, target, metric("accuracy"), BINARY)[0]
    weighed = threshold.by_metric(probability, target, metric("accuracy"), BINARY, heavy)[0]
    assert weighed < 0.2 < plain


def test_right_probabilities_are_cut_where_costs_balance() -> None:
    found, reason = threshold.by_cost(*rows(), {"false-positive": 1, "false-negative": 4})
    assert found == pytest.approx(0.2)
    assert "FP / (FP + FN)" in reason


def test_wrong_probabilities_are_cut_where_it_is_cheaper() -> None:
    probability, target = rows()
    found, reason = threshold.by_cost(probability**4, target, {"false-negative": 4})
    assert found == pytest.approx(0.2**4, rel=1.0)
    assert "a row cheaper than 0.2" in reason


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ({"false-postive": 1.0}, "false-positive"),
        ({"false-positive": -1.0}, "must be 0 or more, not -1"),
        ({"false-positive": 0.0, "false-negative": 0.0}, "needs a cost above 0"),
    ],
)
def test_a_cost_that_cannot_be_is_an_error(cost: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        threshold.by_cost(*rows(50), cost)
