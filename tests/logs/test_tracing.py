"""From rows to a trace: losses, checks, rates and gradient norms with the numbers of their steps."""

from __future__ import annotations

import math

from luban.evidence.trace import Check
from luban.logs._tracing import read, told


def test_a_history_by_epochs_has_a_loss_and_a_check_for_each() -> None:
    found = read([{"epoch": float(at), "loss": 2.0 - at, "val_loss": 3.0 - at, "val_acc": 0.5} for at in range(2)])
    assert found is not None
    assert found.counted == "epoch"
    assert found.trace.losses == [2.0, 1.0]
    assert found.trace.checks == [Check(0, 3.0, 2.0, {"val_acc": 0.5}), Check(1, 2.0, 1.0, {"val_acc": 0.5})]


def test_a_check_has_the_mean_of_the_losses_since_the_one_before() -> None:
    losses, checks = {10.0: 4.0, 20.0: 2.0, 30.0: 1.0}, {20.0: 5.0, 40.0: 6.0, 50.0: 7.0}
    rows = [{"step": step, name: some[step]} for step in (10.0, 20.0, 30.0, 40.0, 50.0)
            for name, some in (("loss", losses), ("eval_loss", checks)) if step in some]  # fmt: skip
    found = read(rows)
    assert found is not None
    assert found.trace.numbers == [10, 20, 30]
    # Where no loss was told since, it is the latest one.
    assert found.trace.checks == [Check(20, 5.0, 3.0), Check(40, 6.0, 1.0), Check(50, 7.0, 1.0)]


def test_rows_of_one_step_are_one() -> None:
    found = read([{"step": 5.0, "lr": 0.1}, {"step": 5.0, "loss": 1.0}, {"step": 6.0, "loss": 2.0}])
    assert found is not None
    (watched,) = found.trace.watched
    assert (watched.step, watched.loss, watched.rate) == (5, 1.0, 0.1)
    assert math.isnan(watched.gradient) and watched.layers == {}


def test_a_row_that_does_not_say_its_step_belongs_to_the_one_before() -> None:
    found = read([{"step": 0.0, "loss": 1.0}, {"step": 7.0, "loss": 0.5}, {"epoch": 0.0, "stopping_loss": 0.7}])
    assert found is not None
    assert found.trace.checks == [Check(7, 0.7, 0.75)]


def test_rows_without_a_loss_are_no_training() -> None:
    assert read([{"step": 1.0, "lr": 0.1}]) is None
    assert read([]) is None


def test_values_become_numbers_and_words_go() -> None:
    (row,) = told([{"loss": None, "a": "nan", "b": "inf", "c": "1e3", "d": "word", "e": True, "f": "", "g": {"h": 2}}])
    assert math.isnan(row.pop("loss")) and math.isnan(row.pop("a"))
    assert row == {"b": math.inf, "c": 1000.0, "g/h": 2.0}
