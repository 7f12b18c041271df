"""A loss that swings instead of falling."""

import math

import numpy as np
import pytest

from conditions.trained import examine
from luban.evidence.trace import Trace

NAME = "loss-oscillation"


def swinging(height, steps=320, noise=0.01):
    """A loss around 2 that swings by `height`, six times over the training."""
    random = np.random.default_rng(0)
    return [2 + height * math.sin(at / steps * 12 * math.pi) + random.normal() * noise for at in range(steps)]


def test_a_swing_is_found_and_says_how_far_it_goes():
    (finding,) = examine(NAME, Trace(losses=swinging(1.0)))
    assert (finding.severity, finding.where.step) == ("warning", 319)
    assert "swings by" in finding.text
    assert finding.evidence.value > finding.evidence.threshold == 0.3


@pytest.mark.parametrize(
    "losses",
    [
        [2 * 0.99**at for at in range(320)],
        swinging(0.0, noise=0.5),
        [value / 100 if at else 9.0 for at, value in enumerate(swinging(1.0))],
    ],
    ids=["falls", "noise of small batches", "late in a training"],
)
def test_it_is_silent(losses):
    assert examine(NAME, Trace(losses=losses)) == []


def test_it_needs_eighty_losses_that_are_finite():
    with pytest.raises(ValueError, match="80 steps are needed, and there were 79"):
        examine(NAME, Trace(losses=[*swinging(1.0)[:79], math.nan]))
