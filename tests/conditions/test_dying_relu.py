"""Units of a ReLU layer that answer no row any more."""

import pytest
from torch import nn

from conditions.trained import activation, examine, found, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "dying-relu"


def test_biases_far_below_zero_kill_a_layer():
    dead = perceptron(32, 32)
    nn.init.constant_(dead[2].bias, -50.0)
    finding = found(train(dead, steps=10), NAME)
    assert (finding.severity, finding.where.layer) == ("severe", "2")
    assert finding.text.startswith("100% of the units behind the layer '2'")


def test_a_sound_layer_is_alive():
    watch = train(perceptron(32, 32), steps=10)
    assert found(watch, NAME) is None
    assert NAME not in dict(watch.not_run)


@pytest.mark.parametrize("dead, fires", [(0.5, False), (0.51, True)])
def test_the_threshold_is_half_of_the_units_at_the_latest_look(dead, fires):
    looks = [step(0, activations={"0": activation("relu", dead=0.9)}),
             step(1, activations={"0": activation("relu", dead=dead)})]  # fmt: skip
    assert [one.where.step for one in examine(NAME, Trace(watched=looks))] == [1] * fires


@pytest.mark.parametrize(
    "seen", [activation("relu", dead=1.0, examples=199), activation("relu", dead=1.0, final=True), activation("tanh")]
)
def test_it_is_silent_for_few_examples_for_answers_and_for_other_functions(seen):
    with pytest.raises(ValueError, match="no ReLU was seen for long enough"):
        examine(NAME, Trace(watched=[step(activations={"0": seen})]))
