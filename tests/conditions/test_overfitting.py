"""Rows that are learned by heart."""

import pytest

from conditions.trained import checks, examine
from luban.evidence.trace import Trace

NAME = "overfitting"
TRAIN = [1.0, 0.6, 0.4, 0.2, 0.1, 0.05]


def held_out(latest):
    return [1.0, 0.8, 0.7, latest, latest, latest]


@pytest.mark.parametrize("factor, fires", [(1.49, False), (1.51, True)])
def test_the_threshold_is_half_above_the_best_check_which_is_named(factor, fires):
    found = examine(NAME, Trace(checks=checks(held_out(0.7 * factor), TRAIN)))
    assert [(one.severity, one.where.step) for one in found] == [("warning", 30)] * fires
    assert all("was 0.7 after step 30" in one.text for one in found)


@pytest.mark.parametrize("last, fires", [(0.34, True), (0.36, False)])
def test_the_training_loss_must_be_below_half_of_it(last, fires):
    assert bool(examine(NAME, Trace(checks=checks(held_out(1.2), [*TRAIN[:5], last])))) is fires


@pytest.mark.parametrize("latest, fires", [(0.77, False), (0.75, True)])
def test_a_metric_that_stays_makes_it_no_fault(latest, fires):
    accuracy = [0.5, 0.7, 0.8, latest, latest, latest]
    assert bool(examine(NAME, Trace(checks=checks(held_out(1.2), TRAIN, accuracy=accuracy)))) is fires


def test_a_best_check_among_the_latest_three_is_no_fault():
    assert examine(NAME, Trace(checks=checks([1.0, 0.9, 0.8, 0.1, 0.7, 0.7], TRAIN))) == []


def test_it_needs_five_checks():
    with pytest.raises(ValueError, match="5 checks on held-out rows are needed, and there were 4"):
        examine(NAME, Trace(checks=checks(held_out(1.2)[:4], TRAIN[:4])))
