"""A first loss that is far from a constant answer's."""

import pytest
import torch

from conditions.trained import examine, found, perceptron, train
from luban.evidence.trace import Trace

NAME = "bad-initial-loss"


def test_weights_that_are_too_large_are_found_and_fresh_ones_are_not():
    loud = perceptron(32)
    with torch.no_grad():
        loud[2].weight.mul_(100)
    finding = found(train(loud, steps=2), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 0)
    assert "times that of the best constant answer" in finding.text
    assert found(train(perceptron(32), steps=2), NAME) is None


@pytest.mark.parametrize("first, fires", [(2.9, False), (3.1, True), (0.01, False)])
def test_the_threshold_is_three_times_the_loss_of_a_constant_answer(first, fires):
    assert bool(examine(NAME, Trace(constant_loss=1.0, losses=[first] * 10))) is fires


@pytest.mark.parametrize("tenth, fires", [(2.9, False), (3.1, True)])
def test_a_loss_that_is_back_within_ten_steps_is_that_of_a_new_last_layer(tenth, fires):
    assert bool(examine(NAME, Trace(constant_loss=1.0, losses=[*[4.0] * 9, tenth]))) is fires
    with pytest.raises(ValueError, match="losses of 10 steps are needed, and there were 9"):
        examine(NAME, Trace(constant_loss=1.0, losses=[4.0] * 9))


def test_ten_times_the_loss_of_a_constant_answer_is_told_at_the_first_step():
    assert examine(NAME, Trace(constant_loss=1.0, losses=[10.1]))


@pytest.mark.parametrize("scale, fires", [(1.0, False), (40.0, True)])
def test_a_new_last_layer_upon_trained_weights_is_left_alone(scale, fires):
    model = perceptron(64, 64)
    train(model, steps=250)
    model[-1].reset_parameters()
    with torch.no_grad():
        model[-1].weight.mul_(scale)
    assert (found(train(model, steps=15), NAME) is not None) is fires


@pytest.mark.parametrize(
    "trace, reason",
    [
        (Trace(losses=[1.0]), "not known"),
        (Trace(constant_loss=1.0), "no first loss"),
        (Trace(constant_loss=1.0, losses=[float("nan")]), "no first loss"),
        (Trace(constant_loss=0.0, losses=[1.0]), "all equal"),
    ],
)
def test_it_is_silent_where_there_is_nothing_to_compare(trace, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, trace)
