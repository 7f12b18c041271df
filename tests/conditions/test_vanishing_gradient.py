"""Gradients that die away on their way to the first layers."""

import pytest
from torch import nn

from conditions.trained import examine, found, moving, parameter, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "vanishing-gradient"


def trace(first, last=1.0, steps=5, **changes):
    names = ("0", "1", "2")
    looks = [step(n, layers=moving(first, 1.0, last)) for n in range(steps)]
    parameters = tuple(parameter(f"{name}.weight", **(changes if name == "0" else {})) for name in names)
    return Trace(layers=names, parameters=parameters, watched=looks)


def test_eight_sigmoid_layers_are_found_and_the_first_is_named():
    finding = found(train(perceptron(*[32] * 8, activation=nn.Sigmoid), steps=6), NAME)
    assert (finding.severity, finding.where.layer, finding.where.step) == ("severe", "0", 4)
    assert "the first layer '0'" in finding.text and "the last one '16'" in finding.text
    assert found(train(perceptron(*[32] * 8), steps=6), NAME) is None


@pytest.mark.parametrize("first, severities", [(1.1e-2, []), (0.9e-2, ["warning"]), (0.9e-3, ["severe"])])
def test_a_hundredth_is_a_warning_and_a_thousandth_is_severe(first, severities):
    assert [one.severity for one in examine(NAME, trace(first))] == severities


def test_what_the_first_step_does_not_show_was_killed_by_the_steps():
    later = trace(1e-9)
    later.watched[0] = step(0, layers=moving(1.0, 1.0, 1.0))
    assert examine(NAME, later) == []


def test_a_gradient_of_zero_is_written_as_a_number():
    assert examine(NAME, trace(0.0))[0].evidence.value == -99.0


@pytest.mark.parametrize(
    "short, reason",
    [
        (trace(1e-9, steps=4), "5 watched steps are needed, and there are 4"),
        (trace(1e-9, kind="embedding"), "fewer than three layers learn"),
        (trace(1e-9, frozen=True), "fewer than three layers learn"),
        (trace(1e-9, zero=True), "fewer than three layers learn"),
    ],
)
def test_it_is_silent(short, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, short)


def test_a_last_layer_that_begins_at_zero_is_no_fault():
    model = perceptron(32, 32, 32)
    nn.init.zeros_(model[6].weight)
    watch = train(model, steps=6, rate=1e-4)
    assert watch.trace.watched[1].layers["0"].gradient < 0.01 * watch.trace.watched[1].layers["6"].gradient
    assert found(watch, NAME) is None
    assert NAME not in dict(watch.not_run)


def test_no_gradient_anywhere_has_another_cause():
    assert examine(NAME, trace(0.0, last=0.0)) == []
