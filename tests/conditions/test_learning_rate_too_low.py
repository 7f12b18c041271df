"""Steps too small to arrive."""

import pytest

from conditions.trained import examine, found, moving, parameter, perceptron, step, train
from luban.evidence.trace import Told, Trace

NAME = "learning-rate-too-low"


def trace(update=1e-5, losses=(1.0,) * 30, gradient=1.0):
    steps = [step(n, layers=moving(gradient, update=update)) for n in range(10)]
    return Trace(parameters=(parameter(),), watched=steps, losses=list(losses))


def test_a_rate_of_a_millionth_is_found():
    finding = found(train(perceptron(32), rate=1e-6, steps=30), NAME)
    assert (finding.severity, finding.where.step) == ("warning", 29)
    assert "the learning rate of 1e-06 is too low" in finding.text
    assert found(train(perceptron(32), steps=30), NAME) is None


@pytest.mark.parametrize("update, fires", [(9e-4, True), (1.1e-3, False)])
def test_the_threshold_is_a_thousandth(update, fires):
    assert bool(examine(NAME, trace(update))) is fires


def test_it_is_severe_after_a_hundred_steps():
    assert examine(NAME, trace(losses=[1.0] * 100))[0].severity == "severe"


@pytest.mark.parametrize("last, fires", [(0.95, True), (0.85, False)])
def test_a_loss_that_has_fallen_by_a_tenth_is_no_fault(last, fires):
    assert bool(examine(NAME, trace(losses=[1.0] * 15 + [last] * 15))) is fires


@pytest.mark.parametrize(
    "short, reason",
    [
        (trace(losses=[1.0] * 24), "25 steps"),
        (trace(gradient=0.0), "no gradients"),
        (Trace(losses=[1.0] * 25), "moved"),
    ],
)
def test_it_is_silent_at_first_and_without_gradients(short, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, short)


@pytest.mark.parametrize("planned, last, fires", [(1_000, 0.8, True), (10_000, 0.8, False), (1_000, 0.45, False)])
def test_steps_that_cannot_move_a_weight_by_a_tenth_in_the_whole_training_are_found(planned, last, fires):
    seen = trace(5e-5, losses=[1.0] * 50 + [last] * 50)
    seen.told = Told(steps=planned)
    assert bool(examine(NAME, seen)) is fires
