"""Values that grow from layer to layer, and gradients that grow with the loss."""

import pytest
from torch import nn

from conditions.trained import examine, found, moving, perceptron, step, train
from luban.evidence.trace import LayerSignals, Trace

NAME = "exploding-gradient"


def test_weights_that_are_too_large_in_each_layer_are_found():
    loud = perceptron(32, 32, 32)
    for layer in loud[::2]:
        nn.init.normal_(layer.weight, std=5.0)
    finding = found(train(loud, steps=2), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 0)
    assert "grows" in finding.text and "He's or Glorot's rule" in finding.text
    assert found(train(perceptron(32, 32, 32), steps=2), NAME) is None


def layers(*sizes):
    """A trace of layers that give out values of these sizes."""
    seen = {str(n): LayerSignals(mean=0.0, deviation=size) for n, size in enumerate(sizes)}
    return Trace(layers=tuple(seen), watched=[step(layers=seen)])


@pytest.mark.parametrize("growth, fires", [(9.9, False), (10.1, True)])
def test_the_threshold_is_ten_times_a_layer_over_three_layers(growth, fires):
    assert bool(examine(NAME, layers(1, growth, growth**2))) is fires
    assert examine(NAME, layers(1, growth)) == []


@pytest.mark.parametrize("norm, loss, fires", [(11.0, 1.3, True), (9.0, 1.3, False), (11.0, 1.1, False)])
def test_gradients_count_when_the_loss_rises_with_them(norm, loss, fires):
    steps = [step(n, gradient=1.0 if n < 10 else norm, layers=moving(1.0)) for n in range(20)]
    trace = Trace(watched=steps, losses=[1.0] * 10 + [loss] * 10)
    assert [one.where.step for one in examine(NAME, trace)] == [19] * fires


@pytest.mark.parametrize("windows, fires", [(1, False), (2, True)])
def test_a_loss_that_rose_for_one_window_comes_back(windows, fires):
    steps = [step(n, gradient=1.0 if n < 10 else 20.0, layers=moving(1.0)) for n in range(20)]
    trace = Trace(watched=steps, losses=[1.0] * 10 * (10 - windows) + [2.0] * 10 * windows)
    assert bool(examine(NAME, trace)) is fires


def test_it_needs_a_watched_step():
    with pytest.raises(ValueError, match="no step was watched"):
        examine(NAME, Trace())
