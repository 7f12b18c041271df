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


DIGITS = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def counted(rows, times=1):
    """Numbers of three digits in English and in German, each of them so often."""
    numbers = np.random.default_rng(0).permutation(1000)[:rows]
    digits = [(n // 100, n // 10 % 10, n % 10) for n in numbers.tolist()]
    pairs = pl.DataFrame({
        "read": [" ".join(WORDS[d] for d in each) for each in digits],
        "y": [" ".join(DIGITS[d] for d in each) for each in digits],
    })  # fmt: skip
    return pl.concat([pairs] * times)


def test_a_memory_of_texts_that_is_still_getting_better_is_told():
    (found,) = find(NAME, counted(200), task="sequence-to-sequence")
    assert (found.severity, found.edits) == ("note", ())
    assert found.evidence.value > found.evidence.threshold == 3
    assert "160 training rows" in found.text


def test_texts_that_come_again_and_again_are_known_from_half_of_them():
    assert find(NAME, counted(10, times=40), task="sequence-to-sequence", columns={"read": "text"}) == []


def test_texts_that_have_nothing_to_do_with_each_other_would_not_gain_by_more():
    pairs = counted(200)
    mixed = pairs.with_columns(y=pl.Series(np.random.default_rng(1).permutation(pairs["y"].to_numpy())))
    assert find(NAME, mixed, task="sequence-to-sequence") == []


def test_of_few_texts_nothing_is_said():
    with pytest.raises(ValueError, match="too few to judge by"):
        condition(NAME).examine(look(counted(30), task="sequence-to-sequence"))
