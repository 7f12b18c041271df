"""A loss that jumps up and needs long to come back."""

import math

import numpy as np
import pytest

from conditions.trained import examine
from luban.evidence.trace import Trace

NAME = "loss-spike"


def calm(steps=200):
    return [1.0 + 0.02 * value for value in np.random.default_rng(0).normal(size=steps)]


def with_jump(at, length, height):
    return [height if at <= n < at + length else loss for n, loss in enumerate(calm())]


def test_a_long_jump_is_found_where_it_begins():
    (finding,) = examine(NAME, Trace(losses=with_jump(100, 30, 4.0)))
    assert (finding.severity, finding.where.step) == ("warning", 100)
    assert "the loss jumped from 0.99" in finding.text and "to 4 and stayed" in finding.text


@pytest.mark.parametrize(
    "losses",
    [calm(), with_jump(100, 2, 50.0), with_jump(100, 30, 1.4), with_jump(10, 15, 4.0)],
    ids=["calm", "one hard batch", "less than half of the level", "in the first fifth"],
)
def test_it_is_silent(losses):
    assert examine(NAME, Trace(losses=losses)) == []


def test_a_jump_from_a_constant_loss_is_written_as_a_number():
    (finding,) = examine(NAME, Trace(losses=[1.0] * 100 + [9.0] * 100))
    assert math.isfinite(finding.evidence.value)


def test_it_needs_a_hundred_losses():
    with pytest.raises(ValueError, match="100 steps are needed"):
        examine(NAME, Trace(losses=[1.0] * 99))
