"""Test rows that are unlike the training rows: found where they were given so, not where chance drew them."""

from __future__ import annotations

import polars as pl
import pytest

from conditions.examined import classes, condition, find, look

NAME = "split-mismatch"


def test_test_rows_from_elsewhere_are_found_and_the_column_named():
    elsewhere = classes(120, seed=4).with_columns(x2=pl.col("x2") + 2)
    (found,) = find(NAME, classes(), test=elsewhere)
    assert (found.severity, found.where.column, found.edits) == ("warning", "x2", ())
    assert found.evidence.value > found.evidence.threshold == 0.65


def test_test_rows_of_the_same_kind_are_no_fault():
    assert find(NAME, classes(), test=classes(120, seed=4)) == []


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_chance_holds_out_are_no_fault(seed):
    assert find(NAME, classes(seed=seed), seed=seed) == []


def test_later_rows_may_differ():
    table = classes().with_columns(x2=pl.int_range(240).cast(pl.Float64) + 0.5, day=pl.int_range(240))
    assert find(NAME, table, split__order="day") == []


def test_of_few_rows_on_a_side_nothing_is_said():
    with pytest.raises(ValueError, match="too few to compare; 30 are needed"):
        condition(NAME).examine(look(classes(100)))
