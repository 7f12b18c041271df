"""Did you mean, amounts, deadlines, seeds, names on first use: the small parts of `core`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luban.core import lazy, seed, units
from luban.core.deadline import Deadline, process_started
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean, fold, nearest

KNOWN = ("linear", "random-forest", "svm", "gradient-boosting")


# Did you mean


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("SVM", "svm"),
        ("svn", "svm"),
        ("lineer", "linear"),
        ("gradient_boosting", "gradient-boosting"),
        ("zebra", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found_or_none(wrong: str, near: str | None) -> None:
    assert nearest(wrong, KNOWN) == near


@given(st.text(max_size=30), st.lists(st.text(max_size=10), max_size=5))
def test_the_nearest_of_any_names_is_one_of_them(wrong: str, known: list[str]) -> None:
    assert nearest(wrong, known) in {*known, None}


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_what_there_is_is_listed_up_to_a_limit() -> None:
    assert did_you_mean("x", []) == "There is none to choose from."
    assert did_you_mean("zebra", ["b", "a", "a"]) == "Known: a, b."
    assert did_you_mean("zebra", map(str, range(20)), limit=2) == "Known: 0, 1 and 18 more."


# Amounts


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("30s", 30), (" 5 M ", 300), ("2h", 7200), (".5", 0.5), (45, 45)]
)
def test_times_are_read_as_people_type_them(text: str | float, value: float) -> None:
    assert units.seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "5 days", "1e3", "5m30s", "0", 0, -1.0, "9" * 400, float("nan"), float("inf"), "s"]
)
def test_what_is_no_time_is_refused_with_an_example(text: str | float) -> None:
    with pytest.raises(UsageError) as refused:
        units.seconds(text)
    assert refused.value.where == "--time"
    assert refused.value.fix


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("600M", 600 << 20),
        ("600MB", 600 << 20),
        ("600MiB", 600 << 20),
        ("4g", 4 << 30),
        ("0.5T", 1 << 39),
        (4096, 4096),
        ("12 B", 12),
    ],
)
def test_sizes_are_read_as_people_type_them(text: str | int, value: int) -> None:
    assert units.size(text) == value


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", 0, "4X", "4G2", "inf", "nan", "9" * 400])
def test_what_is_no_size_is_refused_with_an_example(text: str | int) -> None:
    with pytest.raises(UsageError) as refused:
        units.size(text)
    assert (refused.value.where, refused.value.fix) == ("--memory", "for example --memory 4G")


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (5 << 20, "5.0 MB"), (3 << 40, "3072.0 GB")],
)
def test_sizes_are_written_as_people_read_them(amount: float, text: str) -> None:
    assert units.read_size(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min"), (7260, "2 h 1 min")],
)
def test_times_are_written_as_people_read_them(amount: float, text: str) -> None:
    assert units.read_seconds(amount) == text


# Deadlines


def test_no_deadline_never_passes() -> None:
    assert Deadline.NEVER.left() == float("inf")
    assert Deadline.NEVER.earlier(1e9).left() == float("inf")


def test_a_deadline_counts_from_its_start_and_leaves_time_for_what_comes_after() -> None:
    now = time.monotonic()
    deadline = Deadline.after(60, started=now - 20)
    assert deadline.at == pytest.approx(now + 40)
    assert deadline.earlier(15).at == pytest.approx(now + 25)
    assert Deadline.after(5, started=now - 20).left() < 0
    with pytest.raises(FrozenInstanceError):
        deadline.at = 0.0  # type: ignore[misc]


def test_the_clock_of_a_deadline_starts_with_the_process() -> None:
    started = process_started()
    assert started <= time.monotonic()
    assert Deadline.after(100).at == pytest.approx(started + 100, abs=0.05)
    # A process that was just started says that it was.
    code = "import time; from luban.core.deadline import process_started as s; print(s(), time.monotonic())"
    before = time.monotonic()
    said, now = map(float, subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split())
    # The system counts in hundredths of a second.
    assert before - 0.02 <= said <= now


def test_where_the_system_does_not_tell_the_clock_starts_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    before = time.monotonic()
    assert before <= process_started() <= time.monotonic()


# Seeds


def test_a_seed_for_each_purpose_repeats_and_differs_from_all_others() -> None:
    seeds = {seed.derive(base, *purpose) for base in range(20) for purpose in (("a",), ("b",), ("a", 1), ("a", 2))}
    assert len(seeds) == 80
    assert seed.derive(3, "folds", 1) == seed.derive(3, "folds", 1)
    # numpy and scikit-learn take no larger ones.
    assert all(0 <= number < 1 << 32 for number in seeds)


# Names on first use


def test_a_name_is_imported_when_it_is_used() -> None:
    load, names = lazy.attributes("package", {"dumps": "json", "b": "nowhere.at.all"})
    import json

    assert load("dumps") is json.dumps
    assert names() == ["b", "dumps"]
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'c'"):
        load("c")
    with pytest.raises(ModuleNotFoundError):
        load("b")


def test_a_missing_library_is_told_with_its_purpose_and_the_command() -> None:
    with pytest.raises(UsageError) as refused:
        lazy.require("no_such_library.inner", extra="nets", purpose="training a network")
    assert refused.value.message == "training a network needs the package 'no_such_library', which is not installed."
    assert refused.value.fix == "pip install 'luban[nets]'"


def test_a_library_that_itself_misses_something_is_not_said_to_be_missing(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "broken_library.py").write_text("import something_else_entirely\n")  # type: ignore[operator]
    with pytest.raises(ModuleNotFoundError, match="something_else_entirely"):
        lazy.require("broken_library", extra="nets", purpose="training")
