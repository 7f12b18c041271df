"""Processes whose weights must be equal and are not."""

import pytest

from conditions.trained import examine, parameter, perceptron, train
from luban.evidence.trace import Trace

NAME = "replica-drift"


@pytest.mark.parametrize("difference, fires", [(0.0, False), (0.9e-5, False), (1.1e-5, True)])
def test_the_threshold_is_a_hundred_thousandth(difference, fires):
    found = examine(NAME, Trace(parameters=(parameter(),), losses=[1.0] * 5, replicas=difference))
    assert [(one.severity, one.where.step) for one in found] == [("severe", 4)] * fires
    assert all("1.1e-05 of their size" in one.text for one in found)


def test_one_process_cannot_drift():
    assert "one trains" in dict(train(perceptron(), steps=6).not_run)[NAME]
