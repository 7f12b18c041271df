"""Gradients of the step before that are still there."""

import pytest

from conditions.trained import examine, found, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "stale-gradient"


def test_gradients_that_nobody_sets_to_zero_are_found():
    finding = found(train(perceptron(16), steps=6, zero=False), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 1)
    assert "were there before the forward pass" in finding.text
    sound = train(perceptron(16), steps=6)
    assert found(sound, NAME) is None
    assert NAME not in dict(sound.not_run)


@pytest.mark.parametrize("leftovers, fires", [((9, 0, 0), False), ((9, 1, 0), False), ((0, 0.1, 0.1), True)])
def test_two_steps_beside_the_first_are_enough(leftovers, fires):
    trace = Trace(watched=[step(n, leftover=float(norm)) for n, norm in enumerate(leftovers)])
    assert [one.where.step for one in examine(NAME, trace)] == [1] * fires


@pytest.mark.parametrize("watched", [[], [step(0, leftover=1.0), step(1, leftover=1.0)], [step(n) for n in range(9)]])
def test_it_needs_two_steps_in_which_they_were_seen(watched):
    with pytest.raises(ValueError, match="not seen in two steps"):
        examine(NAME, Trace(watched=watched))
