"""Columns that were scaled before the split: told from those that were scaled by training rows, or not at all."""

from __future__ import annotations

import polars as pl

from conditions.examined import classes, find, look

NAME = "preprocessing-leakage"


def scaled(table, columns, by=None):
    by = table if by is None else by
    return table.with_columns((pl.col(column) - by[column].mean()) / by[column].std(ddof=0) for column in columns)


def test_columns_that_were_scaled_over_all_rows_are_found():
    (found,) = find(NAME, scaled(classes(), ["x0", "x2"]))
    assert (found.severity, found.where.column, found.edits) == ("warning", None, ())
    assert found.evidence.value == 2 > found.evidence.threshold
    assert "'x0', 'x2'" in found.text
    (found,) = find(NAME, scaled(classes(), ["x0"]))
    assert found.where.column == "x0"


def test_raw_columns_are_no_fault():
    assert find(NAME, classes()) == []


def test_columns_that_were_scaled_by_the_training_rows_are_no_fault():
    table = classes()
    train = table[look(table).train_rows.tolist()]
    assert find(NAME, scaled(table, ["x0", "x2"], by=train)) == []


def test_values_that_were_rounded_to_32_bits_are_seen_through():
    table = scaled(classes(), ["x0"]).with_columns(pl.col("x0").cast(pl.Float32))
    assert len(find(NAME, table)) == 1


def test_of_few_rows_nothing_is_said():
    assert find(NAME, scaled(classes(19), ["x0"])) == []
