"""Equal rows of different classes: found with their rows, unless values are so coarse that rows agree anyway."""

from __future__ import annotations

import numpy as np
import polars as pl

from conditions.examined import classes, find, values

NAME = "conflicting-labels"


def contradicted(rows=20):
    """Some rows a second time, as the other class."""
    table = classes()
    again = table.head(rows).with_columns(y=pl.col("y").replace({"early": "late", "late": "early"}))
    return pl.concat([table, again])


def test_equal_rows_of_two_classes_are_found_with_their_numbers():
    table = contradicted()
    (found,) = find(NAME, table)
    assert found.severity == "warning"
    assert found.evidence.value > found.evidence.threshold == 0.005
    rows = found.where.rows
    # The rows come in pairs: number n, and number n + 240, its contradiction.
    assert all((row + 240 in rows) or (row - 240 in rows) for row in rows)
    assert found.edits == ()


def test_rows_that_differ_are_no_fault():
    assert find(NAME, classes()) == []


def test_equal_rows_of_one_class_are_no_conflict():
    table = classes()
    assert find(NAME, pl.concat([table, table.head(40)])) == []


def test_a_handful_of_rows_is_no_finding():
    assert find(NAME, contradicted(rows=2)) == []


def test_coarse_values_accuse_no_label():
    random = np.random.default_rng(0)
    coarse = pl.DataFrame({name: random.integers(0, 2, 400).astype(float) for name in ("a", "b", "c")})
    table = coarse.with_columns(y=pl.Series(random.choice(["early", "late"], 400)))
    assert find(NAME, table) == []


def test_missing_values_equal_each_other():
    table = contradicted().with_columns(x3=pl.lit(None, dtype=pl.Float64))
    table = table.with_columns(x3=pl.when(pl.int_range(len(table)) % 2 == 0).then(None).otherwise(1.0))
    assert len(find(NAME, table)) == 1


def test_numbers_to_predict_have_no_classes():
    from conditions.examined import condition

    assert "regression" not in condition(NAME).tasks
    assert values()["y"].dtype == pl.Float64


def translated(rows=300, again=0):
    """Numbers in English and in German, each once; and some of them again, with another text."""
    table = pl.DataFrame({
        "read": [f"the number {row} of the long list" for row in range(rows)],
        "y": [f"Nummer {row} der langen Liste" for row in range(rows)],
    })  # fmt: skip
    return pl.concat([table, table.head(again).with_columns(y=pl.lit("die Zahl ") + pl.col("y"))])


def test_one_text_that_is_written_in_two_ways_is_a_conflict():
    (found,) = find(NAME, translated(again=20), task="sequence-to-sequence")
    assert (found.severity, found.edits) == ("warning", ())
    assert all(row < 20 or row >= 300 for row in found.where.rows)
    assert "another text to be written" in found.text


def test_texts_that_are_read_once_or_written_alike_are_no_conflict():
    assert find(NAME, translated(), task="sequence-to-sequence") == []
    twice = pl.concat([translated(), translated().head(20)])
    assert find(NAME, twice, task="sequence-to-sequence") == []
