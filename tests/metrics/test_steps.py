"""Metrics of forecasts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Answers
from luban.core import registry

TARGET = np.array([[10.0, 12.0, 2.0], [5.0, 5.0, 4.0]])
"""Two steps, and what errors are scaled by."""
SAID = Answers(np.array([[11.0, 12.0], [5.0, 9.0]]))


def score(name: str, target: np.ndarray, answers: Answers) -> float:
    return float(registry.find("metrics", name).score(target, answers))


def test_mase_divides_each_row_by_its_own_scale() -> None:
    # The mean errors are 0.5 and 2, the scales 2 and 4.
    assert score("mase", TARGET, SAID) == pytest.approx((0.25 + 0.5) / 2)


def test_a_row_without_a_scale_says_nothing_of_mase() -> None:
    flat = np.vstack([TARGET, [[1.0, 1.0, 0.0]]])
    said = Answers(np.vstack([SAID.prediction, [[50.0, 50.0]]]))
    assert score("mase", flat, said) == pytest.approx(score("mase", TARGET, SAID))


def test_mae_and_rmse_are_means_over_steps_in_the_unit_of_the_target() -> None:
    assert score("mae", TARGET, SAID) == pytest.approx((1 + 0 + 0 + 4) / 4)
    assert score("rmse", TARGET, SAID) == pytest.approx(np.sqrt((1 + 0 + 0 + 16) / 4))


def test_pinball_weighs_the_sides_by_the_share() -> None:
    target = np.array([[10.0, 1.0]])
    above = Answers(np.array([[12.0]]), quantiles=np.array([[[12.0]]]), shares=(0.9,))
    below = Answers(np.array([[8.0]]), quantiles=np.array([[[8.0]]]), shares=(0.9,))
    assert score("pinball", target, above) == pytest.approx(0.1 * 2)
    assert score("pinball", target, below) == pytest.approx(0.9 * 2)


def test_without_quantiles_there_is_no_pinball_loss() -> None:
    assert np.isnan(score("pinball", TARGET, SAID))
