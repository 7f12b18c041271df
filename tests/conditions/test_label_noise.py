"""Wrong labels: found where models are sure of the opposite; overlap of classes is not mistaken for them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from conditions.examined import classes, condition, find, look, numbers, values

NAME = "label-noise"


def flipped(share, rows=400):
    table = classes(rows, overlap=0.2)
    wrong = np.random.default_rng(5).choice(rows, int(rows * share), replace=False)
    labels = table["y"].to_numpy().copy()
    labels[wrong] = np.where(labels[wrong] == "late", "early", "late")
    return table.with_columns(y=pl.Series(labels)), set(wrong.tolist())


@pytest.mark.parametrize(("share", "severity"), [(0.08, "warning"), (0.25, "severe")])
def test_wrong_labels_are_found_and_most_listed_rows_are_wrong(share, severity):
    table, wrong = flipped(share)
    (found,) = find(NAME, table)
    assert (found.severity, found.where.column, found.edits) == (severity, "y", ())
    assert found.evidence.value > found.evidence.threshold >= 0.03
    listed = found.where.rows[: len(wrong) // 2]
    assert np.mean([row in wrong for row in listed]) > 0.8


def test_right_labels_are_no_fault():
    assert find(NAME, flipped(0.0)[0]) == []


@pytest.mark.parametrize("seed", range(3))
def test_classes_that_overlap_are_not_wrong(seed):
    # One row in five is answered wrongly, all near the border.
    assert find(NAME, classes(400, seed=seed, overlap=1.0)) == []


def test_a_class_between_two_others_is_not_accused():
    frame = numbers(600)
    signal = frame["x0"].to_numpy() + np.random.default_rng(9).normal(size=600) * 0.3
    names = np.array(["low", "middle", "high"])[np.digitize(signal, [-0.4, 0.4])]
    assert find(NAME, frame.with_columns(y=pl.Series(names))) == []


@pytest.mark.parametrize("table", [classes(300, overlap=0.1), values(300)], ids=["classes", "values"])
def test_shuffled_labels_are_unrelated_to_the_inputs(table):
    assert find(NAME, table) == []
    (found,) = find(NAME, table.with_columns(y=table["y"].shuffle(seed=3)))
    assert (found.severity, found.where.column) == ("severe", "y")
    # Here the value falls short of the threshold: no better than chance.
    assert found.evidence.value < found.evidence.threshold
    assert "no better than chance" in found.text


def test_of_few_rows_nothing_is_said():
    with pytest.raises(ValueError, match="too few to judge by; 30 are needed"):
        condition(NAME).examine(look(classes(30)))
