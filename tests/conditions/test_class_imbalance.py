"""A rare class that models overlook: found, weighed, and left alone where nothing is overlooked."""

from __future__ import annotations

import numpy as np
import polars as pl

from conditions.examined import classes, cured, find, numbers

NAME = "class-imbalance"


def rare(rows=1000, every=25, apart=1.0):
    """One row in `every` is of the class that lies this far from the others."""
    frame = numbers(rows)
    rarely = np.arange(rows) % every == 0
    shifted = frame["x0"].to_numpy() + rarely * apart
    return frame.with_columns(x0=pl.Series(shifted), y=pl.Series(np.where(rarely, "rare", "usual")))


def test_a_rare_class_that_is_overlooked_is_found_and_weighing_cures_it():
    table = rare()
    (found,) = find(NAME, table)
    assert (found.severity, found.where.column) == ("warning", "y")
    assert found.evidence.value > found.evidence.threshold == 0.3
    assert "'rare' has 32 training rows" in found.text
    assert [(edit.path, edit.after) for edit in found.edits] == [("train.class_weight", "balanced")]
    assert cured(found, table) == []


def test_a_rare_class_that_is_told_apart_is_no_fault():
    assert find(NAME, rare(apart=12.0)) == []


def test_even_classes_are_no_fault_however_hard_they_are():
    assert find(NAME, classes(overlap=5.0)) == []


def test_of_fewer_than_ten_rare_rows_nothing_is_said():
    assert find(NAME, rare(rows=300, every=50)) == []


def test_of_several_classes_the_overlooked_one_is_named():
    table = rare()
    usual = np.where(table["x1"].to_numpy() > 0, "left", "right")
    table = table.with_columns(y=pl.Series(np.where(table["y"] == "rare", "rare", usual)))
    (found,) = find(NAME, table)
    assert "class 'rare'" in found.text
