"""Hidden tanh and sigmoid units that begin at their ends."""

import pytest
import torch
from torch import nn

from conditions.trained import activation, examine, found, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "saturated-activation"


@pytest.mark.parametrize("function", [nn.Tanh, nn.Sigmoid])
def test_weights_that_are_too_large_are_found_and_the_layer_is_named(function):
    loud = perceptron(32, 32, activation=function)
    with torch.no_grad():
        loud[2].weight.mul_(60)
    finding = found(train(loud, steps=2), NAME)
    assert (finding.severity, finding.where.layer, finding.where.step) == ("severe", "2", 0)
    assert f"the {function.__name__.lower()} behind the layer '2'" in finding.text
    sound = train(perceptron(32, 32, activation=function), steps=2)
    assert found(sound, NAME) is None
    assert NAME not in dict(sound.not_run)


@pytest.mark.parametrize("share, fires", [(0.59, False), (0.61, True)])
def test_the_threshold_is_six_tenths_before_the_first_step(share, fires):
    looks = [step(n, activations={"0": activation("tanh", saturated=value)}) for n, value in enumerate((share, 1.0))]
    assert bool(examine(NAME, Trace(watched=looks))) is fires


@pytest.mark.parametrize(
    "looks, reason",
    [
        ([], "no step was watched"),
        ([step(activations={"0": activation("relu", saturated=1.0)})], "no tanh and no sigmoid"),
        ([step(activations={"0": activation("sigmoid", saturated=1.0, final=True)})], "no tanh and no sigmoid"),
    ],
)
def test_it_is_silent_for_other_functions_and_for_answers(looks, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, Trace(watched=looks))
