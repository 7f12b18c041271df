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


@pytest.mark.parametrize("height, fires", [(0.6, False), (0.75, True)])
def test_half_of_what_was_learned_must_be_lost(height, fires):
    learned = [1.0] * 40 + [0.3 + 0.01 * (n % 2) for n in range(100)]
    assert bool(examine(NAME, Trace(losses=[*learned, *[height] * 60]))) is fires


@pytest.mark.parametrize("length, fires", [(9, False), (20, True)])
def test_a_jump_lasts_fifteen_steps_at_least(length, fires):
    losses = [1.0] * 20 + [0.2] * 40 + [0.9] * length + [0.2] * (120 - 60 - length)
    assert bool(examine(NAME, Trace(losses=losses))) is fires


def test_a_jump_from_a_constant_loss_is_written_as_a_number():
    (finding,) = examine(NAME, Trace(losses=[1.0] * 100 + [9.0] * 100))
    assert math.isfinite(finding.evidence.value)


def test_it_needs_a_hundred_losses():
    with pytest.raises(ValueError, match="100 steps are needed"):
        examine(NAME, Trace(losses=[1.0] * 99))
