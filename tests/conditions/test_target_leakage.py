"""Columns that give the target away: dropped where certain, told where likely; strong columns are left alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from conditions.examined import classes, condition, cured, find, look, values

NAME = "target-leakage"


def code(table):
    target = table["y"]
    return (target if target.dtype.is_numeric() else target.rank("dense").cast(pl.Float64)).to_numpy()


def noise(size, scale, seed=11):
    return np.random.default_rng(seed).normal(size=size) * scale


@pytest.mark.parametrize("table", [classes(overlap=1.0), values()], ids=["classes", "values"])
def test_a_copy_of_the_target_is_found_and_dropping_it_cures_it(table):
    leaking = table.with_columns(outcome=pl.Series(code(table) + noise(len(table), 0.01)))
    (found,) = find(NAME, leaking)
    assert (found.severity, found.where.column) == ("severe", "outcome")
    assert found.evidence.value > found.evidence.threshold
    if not table["y"].dtype.is_numeric():
        assert found.evidence.threshold == 0.98
        assert [(edit.path, edit.after) for edit in found.edits] == [("drop", ["outcome"])]
        assert cured(found, leaking) == []


@pytest.mark.parametrize("table", [classes(), classes(overlap=1.0), values()], ids=["easy", "hard", "values"])
def test_columns_that_help_are_no_fault(table):
    assert find(NAME, table) == []


def test_a_column_that_was_filled_in_later_is_told_but_not_dropped():
    # It follows the outcome but for one row in thirty; the other columns tell the classes as well.
    table = classes(overlap=0.01)
    late = code(table) * 10 + noise(240, 0.3)
    late[::30] = np.random.default_rng(1).permutation(late)[::30]
    late[::60] = 30 - late[::60]
    (found,) = find(NAME, table.with_columns(days_of_treatment=pl.Series(late)))
    assert (found.where.column, found.evidence.threshold, found.edits) == ("days_of_treatment", 0.8, ())
    assert 0.8 < found.evidence.value < 0.98
    assert "If it is only known after the outcome" in found.text


def test_a_strong_column_whose_classes_overlap_is_no_fault():
    # Alone it reaches 0.9, as such columns of real tables do; a second one says the same.
    table = classes()
    strong = code(table) * 3.3
    table = table.with_columns(
        length=pl.Series(strong + noise(240, 1.0, 21)), width=pl.Series(strong + noise(240, 1.0, 22))
    )
    assert find(NAME, table) == []


def test_a_strong_category_is_no_fault_where_others_say_the_same():
    table = classes(overlap=0.01)
    wrong = np.random.default_rng(2).random(240) < 0.05
    test = np.where((table["y"] == "late").to_numpy() ^ wrong, "positive", "negative")
    assert find(NAME, table.with_columns(test=pl.Series(test), x9=pl.Series(code(table) + noise(240, 0.2)))) != []
    assert "test" not in {found.where.column for found in find(NAME, table.with_columns(test=pl.Series(test)))}


def test_the_only_column_is_never_dropped():
    table = classes().select("y").with_columns(pl.Series("copy", code(classes()) + noise(240, 0.01)))
    (found,) = find(NAME, table)
    assert found.edits == ()


def test_of_few_rows_nothing_is_said():
    with pytest.raises(ValueError, match="too few to judge by"):
        condition(NAME).examine(look(classes(30)))
