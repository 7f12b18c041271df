"""The footprint counts work, children included, and its estimate follows from its constants."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from luban.evidence import footprint
from luban.evidence.footprint import Meter, peak_memory


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
    script = "import time\nwhile time.process_time() < 0.15: sum(range(1000))\nheld = bytearray(90_000_000)"
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", script], check=True)
    document = meter.to_json()
    assert document["cpu_seconds"] >= 0.15
    assert document["peak_memory_bytes"] >= 90_000_000


def test_peak_memory_is_in_bytes() -> None:
    held = bytearray(80_000_000)
    assert len(held) < peak_memory() < 1 << 40


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
