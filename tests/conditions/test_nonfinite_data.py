"""Infinities: found with their rows; missing values are no fault."""

from __future__ import annotations

import polars as pl

from conditions.examined import classes, cured, find, values

NAME = "nonfinite-data"
INFINITE = float("inf")


def with_infinities(table, column, rows):
    place = pl.int_range(len(table))
    return table.with_columns(pl.when(place.is_in(rows)).then(-INFINITE).otherwise(pl.col(column)).alias(column))


def test_infinite_values_are_counted_and_their_rows_named():
    (found,) = find(NAME, with_infinities(classes(), "x1", [3, 17, 40]))
    assert (found.severity, found.where.column) == ("warning", "x1")
    assert sorted(found.where.rows) == [3, 17, 40]
    assert (found.evidence.value, found.evidence.threshold) == (3, 0)
    assert found.edits == ()


def test_a_column_of_infinities_is_dropped():
    table = with_infinities(classes(), "x1", list(range(200)))
    (found,) = find(NAME, table)
    assert [(edit.path, edit.after) for edit in found.edits] == [("drop", ["x1"])]
    assert cured(found, table) == []


def test_finite_and_missing_values_are_no_fault():
    table = classes().with_columns(x1=pl.when(pl.col("x1") > 0).then(None).otherwise(pl.col("x1")), x2=float("nan"))
    assert find(NAME, table) == []


def test_a_number_that_32_bits_cannot_hold_is_infinite_to_models():
    assert find(NAME, classes().with_columns(x1=pl.col("x1") * 1e30)) == []
    (found,) = find(NAME, classes().with_columns(x1=pl.col("x1") * 1e39))
    assert found.evidence.value > 150


def test_a_target_that_models_cannot_hold_is_severe():
    # A target that is infinite in 64 bits is a row without target, and is counted there.
    table = values().with_columns(y=pl.when(pl.int_range(240) == 5).then(1e39).otherwise(pl.col("y")))
    (found,) = find(NAME, table)
    assert (found.severity, found.where.column, found.where.rows) == ("severe", "y", (5,))


def test_the_worst_column_comes_first():
    table = with_infinities(with_infinities(classes(), "x0", [1]), "x3", [1, 2])
    assert [found.where.column for found in find(NAME, table)] == ["x3", "x0"]
