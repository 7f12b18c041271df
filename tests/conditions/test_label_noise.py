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


def translated(rows=300, copies=0):
    """Numbers in English and in German; of some the English one stands there again."""
    read = [f"The number {row} of the list" for row in range(rows)]
    wanted = [f"Nummer {row} der Liste" if row >= copies else read[row].upper() for row in range(rows)]
    return pl.DataFrame({"read": read, "y": wanted})


@pytest.mark.parametrize(("copies", "severity"), [(20, "warning"), (60, "severe")])
def test_targets_that_were_left_untranslated_are_named(copies, severity):
    (found,) = find(NAME, translated(copies=copies), task="sequence-to-sequence")
    assert (found.severity, found.edits) == (severity, ())
    assert found.evidence.value > found.evidence.threshold == 0.02
    assert set(found.where.rows) <= set(range(copies))


@pytest.mark.parametrize("copies", [0, 3, 300])
def test_translations_a_few_names_and_a_task_of_copying_are_sound(copies):
    assert find(NAME, translated(copies=copies), task="sequence-to-sequence") == []


def emptied(rows, written, count=300):
    """The pairs; in the first rows something else is written."""
    pairs = translated(count)
    return pairs.with_columns(y=pl.Series([*[written] * rows, *pairs["y"].to_list()[rows:]], dtype=pl.String))


@pytest.mark.parametrize(("rows", "severity"), [(20, "warning"), (60, "severe")])
def test_targets_that_say_nothing_are_named(rows, severity):
    (found,) = find(NAME, emptied(rows, "- ..."), task="sequence-to-sequence")
    assert (found.severity, found.where.column, found.edits) == (severity, "y", ())
    assert found.evidence.value > found.evidence.threshold == 0.02
    assert set(found.where.rows) <= set(range(rows))
    assert "neither a letter nor a digit" in found.text


@pytest.mark.parametrize("written", ["", "  ", None])
def test_rows_without_a_text_to_be_written_are_told_in_a_note(written):
    (found,) = find(NAME, emptied(60, written), task="sequence-to-sequence")
    assert (found.severity, found.evidence.value, found.evidence.n) == ("note", 0.2, 300)
    assert "60 of 300 rows" in found.text


@pytest.mark.parametrize(("rows", "written"), [(3, "-"), (290, "!!!"), (3, None), (60, "第一"), (60, "7")])
def test_a_few_such_targets_a_task_of_signs_and_other_alphabets_are_sound(rows, written):
    assert find(NAME, emptied(rows, written), task="sequence-to-sequence") == []
