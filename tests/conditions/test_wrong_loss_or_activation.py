"""A loss that does not fit what the network answers."""

import pytest
import torch
from torch import nn

from conditions.trained import digits, examine, found, perceptron, train
from luban.evidence.trace import Answering, Trace

NAME = "wrong-loss-or-activation"
ROWS, CLASSES = digits()
VALUES = (ROWS, ROWS[:, 20:21] * 0.1)


@pytest.mark.parametrize(
    "last, loss, said",
    [
        (nn.Softmax(1), nn.CrossEntropyLoss(), "takes their softmax again"),
        (nn.Sigmoid(), nn.CrossEntropyLoss(), "Leave the last sigmoid out of"),
        (nn.ReLU(), nn.CrossEntropyLoss(), "Leave the last relu out of"),
        (nn.Identity(), nn.NLLLoss(), "no logarithms of probabilities"),
    ],
)
def test_an_ending_that_does_not_fit_is_found(last, loss, said):
    finding = found(train(nn.Sequential(*perceptron(16), last), loss=loss, steps=2), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 0)
    assert said in finding.text


@pytest.mark.parametrize(
    "last, loss", [(nn.Identity(), nn.CrossEntropyLoss()), (nn.LogSoftmax(1), nn.NLLLoss()),
                   (nn.LogSoftmax(1), nn.CrossEntropyLoss())]
)  # fmt: skip
def test_an_ending_that_fits_is_no_fault(last, loss):
    watch = train(nn.Sequential(*perceptron(16), last), loss=loss, steps=2)
    assert found(watch, NAME) is None
    assert NAME not in dict(watch.not_run)


def test_answers_that_are_compared_with_every_target_are_found():
    model = nn.Linear(64, 1)
    own = train(model, (ROWS, VALUES[1][:, 0]), loss=pairwise, steps=1)
    assert dict(own.not_run)[NAME].startswith("the loss function is not known")
    squared = torch.nn.MSELoss()
    with pytest.warns(UserWarning, match="broadcast"):
        finding = found(train(model, (ROWS, VALUES[1][:, 0]), loss=squared, steps=1), NAME)
    assert "(rows, 1) and targets (rows,)" in finding.text
    assert found(train(model, VALUES, loss=squared, steps=1), NAME) is None


def pairwise(answers, targets):
    """A loss of one's own, of which nothing is known."""
    return (answers - targets).square().mean()


@pytest.mark.parametrize("factor, fires", [(0.1, False), (10.0, True)])
def test_targets_beyond_the_ends_of_a_tanh_are_found(factor, fires):
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh())
    finding = found(train(model, (ROWS, ROWS * factor), loss=nn.MSELoss(), steps=1), NAME)
    assert (finding is not None) is fires


@pytest.mark.parametrize("outside, fires", [(0.04, False), (0.06, True)])
def test_a_twentieth_of_the_targets_may_lie_there(outside, fires):
    seen = Answering((1,), (1,), False, False, False, False, outside, 64, 32)
    assert bool(examine(NAME, Trace(loss_function="squared", answering=seen))) is fires


def test_it_needs_the_loss_and_some_rows():
    with pytest.raises(ValueError, match="names it"):
        examine(NAME, Trace())
    few = Answering((3,), None, True, True, True, False, 0.0, 7, None)
    with pytest.raises(ValueError, match="or their number"):
        examine(NAME, Trace(loss_function="cross-entropy", answering=few))


def test_scores_that_happen_to_lie_between_0_and_1_are_no_fault():
    model = nn.Linear(64, 1)
    nn.init.normal_(model.weight, std=0.001)
    nn.init.constant_(model.bias, 0.5)
    early = (ROWS, (CLASSES < 5).float()[:, None])
    watch = train(model, early, loss=nn.BCEWithLogitsLoss(), steps=1)
    assert watch.trace.answering.unit
    assert found(watch, NAME) is None


def test_answers_above_1_and_never_below_0_are_found_too():
    loud = perceptron(16)
    with torch.no_grad():
        loud[2].weight.mul_(30)
    finding = found(train(nn.Sequential(*loud, nn.ReLU()), steps=1), NAME)
    assert "no answer is below zero" in finding.text
