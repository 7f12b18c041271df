"""Columns that matter are found and ordered; those that do not have an interval around zero."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl
import pytest

from luban.batch import Answers, Array
from luban.core import registry
from luban.core.deadline import Deadline
from luban.training.importance import permutation, telling


def metric(name: str) -> Any:
    return registry.find("metrics", name)


def table(rows: int = 400, seed: int = 0) -> tuple[pl.DataFrame, Array]:
    random = np.random.default_rng(seed)
    frame = pl.DataFrame({name: random.normal(size=rows) for name in ("strong", "weak", "noise", "unused")})
    target = 3 * frame["strong"].to_numpy() + frame["weak"].to_numpy() + 0.3 * random.normal(size=rows)
    return frame, target


def answer(frame: pl.DataFrame) -> Answers:
    """A model that is right about two columns and wrong to look at a third."""
    values = frame.select("strong", "weak", "noise").to_numpy()
    return Answers(values @ np.array([3.0, 1.0, 0.1]))


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_columns_are_ordered_by_what_they_are_worth(name: str) -> None:
    frame, target = table()
    found = permutation(answer, frame, frame.columns, target, metric(name))
    assert [row["column"] for row in found][:2] == ["strong", "weak"]
    strong, weak, *rest = found
    assert strong["low"] > weak["high"] > weak["low"] > 0
    assert {row["column"] for row in rest} == {"noise", "unused"}
    for row in found:
        assert row["low"] < row["high"] and row["low"] <= row["value"] <= row["high"]


def test_of_many_columns_those_are_measured_that_the_answers_follow() -> None:
    frame, _ = table()
    assert telling(frame, frame.columns, answer(frame), most=2) == ["strong", "weak"]
    assert telling(frame, frame.columns, answer(frame), most=9) == frame.columns
    named = frame.with_columns(town=pl.lit("Ulm"))
    assert telling(named, named.columns, answer(frame), most=2) == ["strong", "town"]


def test_the_value_is_what_shuffling_costs() -> None:
    """Independent columns: without the strong one the squared error grows by twice its part of the variance."""
    frame, target = table(4_000)
    found = {row["column"]: row for row in permutation(answer, frame, frame.columns, target, metric("rmse"))}
    intact = metric("rmse").score(target, answer(frame))
    expected = np.sqrt(intact**2 + 2 * 9 * frame["strong"].var()) - intact
    assert found["strong"]["value"] == pytest.approx(expected, rel=0.05)


def test_a_column_that_is_not_looked_at_is_worth_nothing_but_not_surely() -> None:
    frame, target = table()
    unused = permutation(answer, frame, ["unused"], target, metric("rmse"))[0]
    assert unused["value"] == 0.0 and unused["low"] < 0 < unused["high"]


def test_the_order_in_which_columns_are_asked_changes_nothing() -> None:
    frame, target = table(100)
    ask = lambda columns: permutation(answer, frame, columns, target, metric("mae"), seed=3)  # noqa: E731
    assert ask(frame.columns) == ask(frame.columns[::-1])


def test_time_that_is_over_leaves_columns_out() -> None:
    frame, target = table(100)
    over = Deadline.after(0, started=time.monotonic())
    assert permutation(answer, frame, frame.columns, target, metric("mae"), deadline=over) == []


def test_what_cannot_be_measured_has_no_importance() -> None:
    frame, target = table(1)
    assert permutation(answer, frame, frame.columns, target, metric("r2")) == []
