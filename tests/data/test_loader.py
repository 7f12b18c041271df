"""Rows by number and slice by slice, with memory that does not grow with the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.data import loader

TABLE = pl.DataFrame({"x": range(1000), "y": [str(i) for i in range(1000)]})


@pytest.fixture(params=["memory", "parquet", "two files"])
def lazy(request: pytest.FixtureRequest, tmp_path: Path) -> pl.LazyFrame:
    if request.param == "memory":
        return TABLE.lazy()
    TABLE.write_parquet(tmp_path / "x.parquet", row_group_size=70)
    if request.param == "parquet":
        return pl.scan_parquet(tmp_path / "x.parquet")
    halves = [pl.scan_parquet(tmp_path / "x.parquet").slice(0, 400), TABLE.lazy().slice(400, 600)]
    return pl.concat(halves, how="vertical_relaxed")


@pytest.mark.parametrize("rows", [[], [3], [999, 0, 5, 5], list(range(1000)), list(range(0, 1000, 7))])
def test_rows_come_in_the_order_that_was_asked(
    lazy: pl.LazyFrame, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader.slices, "__defaults__", (None, 64))
    assert loader.take(lazy, np.array(rows, dtype=np.int64), ["x"])["x"].to_list() == rows


def test_slices_hold_every_row_once(lazy: pl.LazyFrame) -> None:
    parts = list(loader.slices(lazy, size=333))
    assert [part.height for part in parts] == [333, 333, 333, 1]
    assert pl.concat(parts).equals(TABLE)


PEAK = """
import resource, sys
import numpy as np
from pathlib import Path
from luban.data import loader
from luban.data.open import open_dataset
from luban.schema.schema import Column, Schema
rows, folder = int(sys.argv[1]), Path(sys.argv[2])
line = ",".join(["0.123456789"] * 8) + ",some words of text {}\\n"
with (folder / f"{rows}.csv").open("w") as file:
    file.write(",".join("abcdefghi") + "\\n")
    for first in range(0, rows, 10_000):
        file.write("".join(line.format(row) for row in range(first, first + 10_000)))
schema = Schema(tuple(Column(n, "number", "input", "", "Float64") for n in "abcdefgh"))
data = open_dataset(folder / f"{rows}.csv", like=schema)
seen = sum(part.height for part in loader.slices(data.frame, size=16_384))
assert seen == rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_ten_times_the_rows_do_not_take_ten_times_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))

    def peak(rows: int) -> int:
        command = [sys.executable, "-c", PEAK, str(rows), str(tmp_path)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    # Text of 10 MB and of 100 MB; measured 1.08.
    assert peak(800_000) <= 1.2 * peak(80_000)
