"""Rows of one thing or one course on both sides of the split: found, and cured by the split that respects them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from conditions.examined import classes, cured, find, numbers

NAME = "group-or-time-leakage"


def measured_again(alike=0.1):
    """Fifty rigs that were measured five times, with an error of this size."""
    random = np.random.default_rng(0)
    rig = np.repeat(np.arange(50), 5)
    traits = random.normal(size=(50, 3))[rig] + random.normal(size=(250, 3)) * alike
    frame = pl.DataFrame({f"trait{place}": traits[:, place] for place in range(3)})
    fails = np.where(random.integers(0, 2, 50)[rig] == 1, "fails", "runs")
    frame = frame.with_columns(rig=pl.Series([f"r{code}" for code in rig]), y=pl.Series(fails))
    return frame.sample(fraction=1.0, shuffle=True, seed=1)


def course(kind="values", days=300):
    """Days, in no order, on which the target wanders."""
    random = np.random.default_rng(3)
    wanders = np.cumsum(random.normal(size=days))
    frame = numbers(days).with_columns(day=pl.Series(np.datetime64("2022-01-01") + np.arange(days)))
    target = wanders if kind == "values" else np.where(wanders > np.median(wanders), "high", "low")
    return frame.with_columns(y=pl.Series(target)).sample(fraction=1.0, shuffle=True, seed=2)


def test_things_that_were_measured_again_are_found_and_kept_together():
    table = measured_again()
    (found,) = find(NAME, table)
    assert (found.severity, found.where.column) == ("severe", "rig")
    assert found.evidence.value > found.evidence.threshold == 0.5
    assert found.where.rows and all(0 <= row < len(table) for row in found.where.rows)
    assert [(edit.path, edit.after) for edit in found.edits] == [("split.group", "rig")]
    assert cured(found, table) == []


def test_rows_that_merely_share_a_category_are_no_group():
    assert find(NAME, measured_again(alike=3.0)) == []


def test_a_split_by_groups_is_no_leak():
    assert find(NAME, measured_again(), split__group="rig") == []


def test_test_rows_that_a_person_gave_are_not_judged():
    table = measured_again()
    assert find(NAME, table.head(200), test=table.tail(50)) == []


@pytest.mark.parametrize("kind", ["values", "classes"])
def test_a_target_that_wanders_in_time_is_found_and_the_latest_rows_are_held_out(kind):
    table = course(kind)
    (found,) = find(NAME, table)
    assert (found.severity, found.where.column) == ("severe", "day")
    assert found.evidence.value > found.evidence.threshold >= 0.3
    assert [(edit.path, edit.after) for edit in found.edits] == [("split.order", "day")]
    assert cured(found, table) == []


def test_times_over_which_the_target_does_not_wander_are_no_leak():
    table = course()
    shuffled = table["y"].shuffle(seed=0)
    assert find(NAME, table.with_columns(y=shuffled)) == []


def test_a_number_named_for_time_tells_time_and_another_does_not():
    table = course().with_columns(day=pl.col("day").rank("ordinal").cast(pl.Float64) * 1.5)
    (found,) = find(NAME, table.rename({"day": "day_of_study"}))
    assert found.where.column == "day_of_study"
    assert find(NAME, table.rename({"day": "height"})) == []


def test_rows_that_have_nothing_to_do_with_each_other_are_no_leak():
    towns = pl.Series(np.random.default_rng(0).choice(["Ulm", "Bonn", "Kiel"], 240))
    assert find(NAME, classes().with_columns(town=towns)) == []
