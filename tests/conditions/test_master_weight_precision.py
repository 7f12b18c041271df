"""Weights that are trained in half precision."""

import pytest
import torch

from conditions.trained import digits, examine, found, parameter, perceptron, train
from luban.evidence.trace import Trace

NAME = "master-weight-precision"


def test_weights_in_bfloat16_are_found_and_autocast_is_no_fault():
    rows, classes = digits()
    finding = found(train(perceptron(16).bfloat16(), (rows.bfloat16(), classes), steps=1), NAME)
    assert (finding.severity, finding.where.layer) == ("severe", "0")
    assert "4 parameters such as '0.weight' are trained as bfloat16" in finding.text
    with torch.autocast("cpu", torch.bfloat16):
        assert found(train(perceptron(16), steps=2), NAME) is None


@pytest.mark.parametrize(
    "changes, fires",
    [({}, True), ({"storage": "float64"}, False), ({"learns": False}, False), ({"optimised": 0}, False)],
)
def test_one_parameter_is_enough_if_it_learns(changes, fires):
    trace = Trace(parameters=(parameter("1.weight"), parameter(**{"storage": "float16", **changes})))
    assert bool(examine(NAME, trace)) is fires


def test_it_needs_parameters():
    with pytest.raises(ValueError, match="not known"):
        examine(NAME, Trace())
