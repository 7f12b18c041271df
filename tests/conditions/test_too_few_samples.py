"""Too few rows: told in a note while a model is still getting better, and not where it has seen enough."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from conditions.examined import condition, find, look, values

NAME = "too-few-samples"


def winding(rows):
    """A number that follows two columns along a winding way: the more rows, the better it is known."""
    inputs = np.random.default_rng(0).uniform(-3, 3, size=(rows, 2))
    target = np.sin(3 * inputs[:, 0]) * np.cos(2 * inputs[:, 1])
    return pl.DataFrame({"x0": inputs[:, 0], "x1": inputs[:, 1], "y": target})


def test_a_model_that_is_still_getting_better_is_told_in_a_note():
    (found,) = find(NAME, winding(400))
    assert (found.severity, found.edits) == ("note", ())
    assert found.evidence.value > found.evidence.threshold == 3
    assert "More rows" in found.text


def test_a_straight_line_is_known_from_half_of_the_rows():
    assert find(NAME, values(1200)) == []


def test_of_few_rows_nothing_is_said():
    with pytest.raises(ValueError, match="too few to judge by"):
        condition(NAME).examine(look(values(30)))
