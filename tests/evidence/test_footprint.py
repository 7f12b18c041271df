"""The footprint counts work, children included, and its estimate follows from its constants."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from luban.core import process
from luban.evidence import footprint
from luban.evidence.footprint import Meter


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


def test_processor_time_is_counted() -> None:
    with Meter() as meter:
        work(0.1)
    document = meter.to_json()
    assert 0.1 <= document["cpu_seconds"] < 1.0
    assert document["cpu_seconds"] == meter.to_json()["cpu_seconds"], "it stops at the end of the block"


def test_children_are_counted() -> None:
    script = "import time\nwhile time.process_time() < 0.15: sum(range(1000))"
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", script], check=True)
    document = meter.to_json()
    assert document["cpu_seconds"] >= 0.15


def test_peak_memory_is_in_bytes() -> None:
    with Meter() as meter:
        held = b"x" * 80_000_000
    assert len(held) < meter.to_json()["peak_memory_bytes"] < 1 << 40


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes that are at work")
def test_what_a_started_process_started_belongs_to_the_family() -> None:
    inner = "input()"
    outer = (
        "import subprocess, sys\n"
        f"inner = subprocess.Popen([sys.executable, '-c', {inner!r}], stdin=subprocess.PIPE)\n"
        "print(inner.pid, flush=True)\ninput()\ninner.communicate(b'\\n')"
    )
    started = subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    grandchild = int(started.stdout.readline())
    assert {os.getpid(), started.pid, grandchild} <= process.family(os.getpid())
    assert process.family(started.pid) == {started.pid, grandchild}
    started.communicate("\n")
    assert grandchild not in process.family(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes that are at work")
def test_memory_of_processes_counts_together_where_it_is_held_at_once() -> None:
    """Both children are alive when it is asked: neither of them alone is as large."""
    script = "held = b'x' * 60_000_000\nprint('held', flush=True)\ninput()"
    own = process.together(os.getpid())
    children = [
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    with Meter() as meter:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == b"held\n"
        assert meter.to_json()["peak_memory_bytes"] > own + 110_000_000
        for child in children:
            child.communicate(b"\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes that are at work")
def test_memory_that_was_given_back_before_is_not_counted() -> None:
    before = b"x" * 400_000_000
    assert process.resident(os.getpid()) > len(before)
    del before
    # What the tests started before stays beside it.
    own = process.together(os.getpid())
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", "held = b'x' * 60_000_000"], check=True)
    assert meter.to_json()["peak_memory_bytes"] < own + 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes that are at work")
def test_a_process_that_has_not_begun_its_own_program_is_not_counted_beside_its_parent() -> None:
    kept = b"x" * 100_000_000
    alone = process.together(os.getpid())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reading, 1)
        os._exit(0)
    try:
        assert process.resident(child) > len(kept)
        assert process.together(os.getpid()) < alone + len(kept)
    finally:
        os.write(writing, b"x")
        os.waitpid(child, 0)


def test_the_estimate_follows_from_the_constants(tmp_path: Path) -> None:
    with Meter(tmp_path) as meter:
        work(0.05)
    document = meter.to_json()
    constants = document["constants"]
    memory = document["wall_seconds"] * document["peak_memory_bytes"] / 2**30 * constants["watts_per_gibibyte"]
    joules = document["cpu_seconds"] * constants["watts_per_busy_core"] + memory
    assert document["method"] == "estimate"
    assert document["energy_wh"] == pytest.approx(joules * constants["overhead"] / 3600, rel=0.05)
    assert document["co2e_g"] == pytest.approx(
        document["energy_wh"] / 1000 * constants["grams_co2e_per_kilowatt_hour"], rel=0.05
    )


def test_the_counter_of_the_processor_is_read_where_there_is_one(tmp_path: Path) -> None:
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    (package / "energy_uj").write_text("1000000\n")
    with Meter(tmp_path) as meter:
        (package / "energy_uj").write_text("7200000\n")
    document = meter.to_json()
    assert document["method"].startswith("RAPL")
    assert document["energy_wh"] == pytest.approx(6.2 / 3600 * footprint.OVERHEAD, rel=1e-3)


def test_a_counter_that_starts_over_is_understood(tmp_path: Path) -> None:
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    (package / "max_energy_range_uj").write_text("10000000")
    (package / "energy_uj").write_text("9000000")
    with Meter(tmp_path) as meter:
        (package / "energy_uj").write_text("2000000")
    assert meter.to_json()["energy_wh"] == pytest.approx(3.0 / 3600 * footprint.OVERHEAD, rel=1e-3)
