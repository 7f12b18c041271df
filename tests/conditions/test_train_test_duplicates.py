"""Copies on both sides of the split: found, left out of the test rows; coincidences of coarse values are no copies."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from conditions.examined import classes, cured, find

NAME = "train-test-duplicates"


def copied(rows, of=240):
    table = classes(of)
    return pl.concat([table, table.head(rows)])


@pytest.mark.parametrize(("rows", "of", "severity"), [(50, 1000, "warning"), (80, 240, "severe")])
def test_copies_are_found_with_their_rows_and_leaving_them_out_cures_it(rows, of, severity):
    table = copied(rows, of)
    (found,) = find(NAME, table)
    assert found.severity == severity
    assert found.evidence.value > found.evidence.threshold == 0.01
    assert all(row < rows or row >= of for row in found.where.rows)
    assert [(edit.path, edit.after) for edit in found.edits] == [("split.duplicates", "drop")]
    assert cured(found, table) == []


def test_rows_that_differ_are_no_copies():
    assert find(NAME, classes()) == []


def test_rows_that_differ_in_one_value_are_no_copies():
    table = classes()
    near = table.head(80).with_columns(x3=pl.col("x3") + 0.1)
    assert find(NAME, pl.concat([table, near])) == []


def test_coarse_values_agree_by_coincidence():
    random = np.random.default_rng(0)
    coarse = pl.DataFrame({name: random.integers(0, 4, 400).astype(float) for name in ("a", "b", "c")})
    table = coarse.with_columns(y=pl.Series(random.choice(["early", "late"], 400)))
    assert find(NAME, table) == []


def test_copies_with_missing_values_are_copies():
    table = classes().with_columns(x3=pl.when(pl.col("x3") > 0).then(None).otherwise(pl.col("x3")))
    assert len(find(NAME, pl.concat([table, table.head(80)]))) == 1


def test_test_rows_that_were_given_are_compared_too():
    table = classes()
    (found,) = find(NAME, table, test=pl.concat([classes(60, seed=5), table.head(30)]))
    assert found.evidence.value == pytest.approx(30 / 90)
    # Test rows stand behind the training rows, so the copies are the last thirty.
    assert found.where.rows == tuple(range(300, 330))


def written(rows=300, copies=0):
    """Numbers in English and in German, each once; and some of them once more."""
    english = pl.Series([f"the number {row} of the long list" for row in range(rows)])
    table = pl.DataFrame({"read": english, "y": [f"Nummer {row} der langen Liste" for row in range(rows)]})
    return pl.concat([table, table.head(copies)])


def test_a_text_that_is_read_twice_is_a_copy_where_another_is_written():
    (found,) = find(NAME, written(copies=60), task="sequence-to-sequence")
    assert cured(found, written(copies=60), task="sequence-to-sequence") == []
    assert find(NAME, written(), task="sequence-to-sequence") == []
