"""Time: what is left of it, and how fast it goes by."""

from __future__ import annotations

import time

import pytest

from luban.core.deadline import Deadline, Pace


def test_work_that_waits_is_slow_and_work_that_works_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, processor = 100.0, 10.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    monkeypatch.setattr(time, "process_time", lambda: processor)
    pace = Pace.now()
    clock += 6.0
    assert pace.slowness() == 1.0, "nothing was done yet"
    processor += 2.0
    assert pace.slowness() == pytest.approx(3.0)
    processor += 8.0
    assert pace.slowness() == 1.0, "several threads are not faster than one"


def test_a_deadline_can_be_put_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 50.0)
    deadline = Deadline.after(30, started=40.0)
    assert (deadline.left(), deadline.earlier(5).left()) == (20.0, 15.0)
