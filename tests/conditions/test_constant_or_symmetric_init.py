"""Units of a hidden layer that begin equal."""

import pytest
from torch import nn

from conditions.trained import examine, found, moving, parameter, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "constant-or-symmetric-init"


def test_equal_weights_are_found_in_the_first_layer_that_has_them():
    equal = perceptron(16, 16)
    for layer in (equal[0], equal[2]):
        nn.init.constant_(layer.weight, 0.05)
    finding = found(train(equal, steps=1), NAME)
    assert (finding.severity, finding.where.layer, finding.where.step) == ("severe", "0", 0)
    assert "16 units of the layer '0'" in finding.text and "1 more layers" in finding.text


@pytest.mark.parametrize("draw", [nn.init.xavier_uniform_, nn.init.orthogonal_])
def test_weights_by_a_rule_are_no_fault_nor_is_a_last_layer_of_zeros(draw):
    model = perceptron(16, 16)
    draw(model[0].weight)
    nn.init.zeros_(model[4].weight)
    watch = train(model, steps=1)
    assert found(watch, NAME) is None
    assert NAME not in dict(watch.not_run)


@pytest.mark.parametrize("spread, fires", [(0.29, True), (0.31, False), (None, False)])
def test_the_threshold_is_three_tenths_and_single_units_have_none(spread, fires):
    trace = Trace(layers=("0", "1"), parameters=(parameter(spread=spread), parameter("1.weight")))
    assert bool(examine(NAME, trace)) is fires


@pytest.mark.parametrize("gradient, fires", [(0.1, False), (0.0, True)])
def test_a_closed_branch_is_meant_where_a_gradient_finds_a_way_around_it(gradient, fires):
    closed = (parameter(), parameter("1.weight", spread=0.0, zero=True), parameter("2.weight"))
    trace = Trace(layers=("0", "1", "2"), parameters=closed, watched=[step(layers=moving(gradient, 0.1, 0.1))])
    assert bool(examine(NAME, trace)) is fires


def test_a_single_layer_has_no_hidden_one():
    assert "only one" in dict(train(perceptron(), steps=1).not_run)[NAME]
