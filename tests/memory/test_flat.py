"""Memory: answering and measuring take rows in slices, so ten times the rows take hardly more memory.

The peak is that of a process of its own, as the system counts it. `benchmarks/memory.py` measures larger files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban

ROWS = 25_000
ALLOWED = 1.2
PEAK = """
import sys
from luban.verbs.{verb} import {verb}
{verb}(sys.argv[1], sys.argv[2], **{options})
{more}
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""
HOARDS = "kept = [open(sys.argv[2]).read().split(',')]"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux counts a peak for each process"),
]


def table(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    values = random.normal(size=(rows, 8)).round(6)
    town = np.array(["Ulm", "Bonn", "Kiel"])[random.integers(0, 3, rows)]
    answer = np.where(values[:, 0] + random.normal(size=rows) > 0, "yes", "no")
    return pl.DataFrame({**{f"x{i}": values[:, i] for i in range(8)}, "town": town, "y": answer})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, and two tables of which the second is ten times the first."""
    place = tmp_path_factory.mktemp("memory")
    luban.fit(table(1_000), "y", model="linear", out=place / "model.luban", threads=1)
    for name, rows in (("few", ROWS), ("many", 10 * ROWS)):
        table(rows).write_csv(place / f"{name}.csv")
    return place


def peak(folder: Path, data: str, verb: str, options: str = "{}", more: str = "") -> int:
    """The most kilobytes that a call of the verb held."""
    code = PEAK.format(verb=verb, options=options, more=more)
    arguments = [sys.executable, "-c", code, str(folder / "model.luban"), str(folder / data)]
    environment = {**os.environ, "LUBAN_CACHE": str(folder / "cache"), "POLARS_MAX_THREADS": "2"}
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment).stdout)


@pytest.mark.parametrize(("verb", "options"), [("predict", "{'out': sys.argv[2] + '.answers'}"), ("evaluate", "{}")])
def test_ten_times_the_rows_take_hardly_more_memory(verb: str, options: str, folder: Path) -> None:
    few, many = peak(folder, "few.csv", verb, options), peak(folder, "many.csv", verb, options)
    assert many <= ALLOWED * few, f"{few} KB on {ROWS:,} rows, {many} KB on {10 * ROWS:,}"


def test_the_test_above_sees_a_program_that_holds_all_rows(folder: Path) -> None:
    options = "{'out': sys.argv[2] + '.answers'}"
    few, many = (peak(folder, data, "predict", options, HOARDS) for data in ("few.csv", "many.csv"))
    assert many > ALLOWED * few
