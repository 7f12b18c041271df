"""Memory: how much of it rows take.

The files are generated: twelve numbers, a category and a class. Predicting and evaluating read their rows in slices, so
ten times the rows should take hardly more memory. A fit holds what `--memory` allows; what counts is the sum of the
resident memory of all its processes, pages that they share counted twice.

Figures: predict-memory-ratio and evaluate-memory-ratio (peak on ten times the rows over the peak on the rows),
fit-1gb-peak-gb (a CSV file of 1 GB under `--memory 1.5G`; with --quick one of 20 MB under 1 GB), fit-1gb-under-600M
(1 where it ends with 0, a finding and no more than 600 MB, or with 7 and the memory that it needs; with --quick 20 MB
under 300M).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

import harness

MEGABYTE, GIBIBYTE = 10**6, 1 << 30
BLOCK = 100_000
"""Rows that are generated at once."""
ROWS, QUICK_ROWS = 200_000, 30_000
"""Rows of the smaller file of a ratio."""
OFTEN = 0.05
"""Seconds between two looks at the memory."""
RATIO, FIT = ("<=", 1.2), ("<=", 1.5)
TALKATIVE = """
import atexit, sys
def peak():
    lines = open("/proc/self/status").read().splitlines()
    print("peak", next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(peak)
sys.argv = ["luban", *sys.argv[1:]]
from luban.cli.main import main
main()
"""


@dataclass(frozen=True)
class Run:
    """How a fit went. peak: bytes, the most that all its processes held at one moment."""

    code: int
    document: dict[str, Any]
    peak: int
    seconds: float


def block(random: np.random.Generator, rows: int) -> pl.DataFrame:
    values = random.normal(size=(rows, 12)).round(6)
    town = random.integers(0, 4, rows)
    score = values @ np.linspace(1.0, 0.0, 12) + (town == 0) + random.normal(size=rows)
    columns = {f"x{i}": values[:, i] for i in range(12)}
    names = np.array(["Ulm", "Bonn", "Kiel", "Jena"])[town]
    return pl.DataFrame({**columns, "town": names, "y": np.where(score > 0, "yes", "no")})


def write(path: Path, seed: int, *, rows: int | None = None, size: int | None = None) -> int:
    """Writes a CSV file of so many rows, or of at least so many bytes; returns its rows."""
    random, written = np.random.default_rng(seed), 0
    with path.open("wb") as file:
        while (rows is None or written < rows) and (size is None or file.tell() < size):
            part = min(BLOCK, rows - written) if rows is not None else BLOCK
            block(random, part).write_csv(file, include_header=written == 0)
            written += part
    return written


def fit(folder: Path, data: Path, memory: str) -> Run:
    """Fits gradient boosting, the greediest model, and watches the memory of every process.

    Its memory is at its height with the first trees, so a few of them are enough.
    """
    few_trees = "model.gradient-boosting={rounds: 50}"
    command = [sys.executable, "-m", "luban", "fit", str(data), "--target", "y", "--model", "gradient-boosting"]
    command += ["--set", few_trees, "--folds", "2", "--memory", memory, "--out", str(folder / f"{memory}.luban")]
    command.append("--json")
    environment = {**os.environ, "LUBAN_CACHE": str(folder / f"cache-{memory}")}
    started, peak = time.monotonic(), 0
    with (folder / "out.json").open("w+") as out:
        process = psutil.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=environment)
        while process.poll() is None:
            peak = max(peak, resident(process))
            time.sleep(OFTEN)
        out.seek(0)
        return Run(process.returncode, json.load(out), peak, time.monotonic() - started)


def resident(process: psutil.Process) -> int:
    """The resident bytes of a process and all below it."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def peak_of(*arguments: str | Path, cache: Path) -> int:
    """The most resident bytes of one call of the program, which starts no other process."""
    command = [sys.executable, "-c", TALKATIVE, *map(str, arguments)]
    environment = {**os.environ, "LUBAN_CACHE": str(cache), "POLARS_MAX_THREADS": "2"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(done.stderr.split()[-1]) << 10


def ratios(folder: Path, options: harness.Options) -> list[harness.Figure]:
    rows = QUICK_ROWS if options.quick else ROWS
    few, many = folder / "few.csv", folder / "many.csv"
    write(few, options.seed, rows=rows)
    write(many, options.seed, rows=10 * rows)
    bundle = folder / "few.luban"
    fit_arguments = ["fit", few, "--target", "y", "--model", "linear", "--set", "train.rows=5000", "--out", bundle]
    peak_of(*fit_arguments, cache=folder / "cache-fit")
    found = []
    for verb, extra in (("predict", ["--out", folder / "answers.csv"]), ("evaluate", ["--quiet"])):
        small, large = (peak_of(verb, bundle, data, *extra, cache=folder / f"cache-{verb}") for data in (few, many))
        how = f"{small / MEGABYTE:.0f} MB on {rows:,} rows, {large / MEGABYTE:.0f} MB on {10 * rows:,}"
        found.append(harness.Figure(f"{verb}-memory-ratio", large / small, goal=RATIO, how=how))
    return found


def fits(folder: Path, options: harness.Options) -> list[harness.Figure]:
    size, memory, short = (20, "1G", "300M") if options.quick else (1000, "1.5G", "600M")
    data = folder / "large.csv"
    harness.say(f"writing {size} MB")
    rows = write(data, options.seed, size=size * MEGABYTE)
    harness.say(f"fitting {rows:,} rows under --memory {memory}")
    enough = fit(folder, data, memory)
    used = enough.document.get("split", {}).get("train", 0)
    how = (
        f"{size} MB of CSV, {rows:,} rows of which {used:,} train, --memory {memory}, all processes, exit code "
        f"{enough.code}, {enough.seconds:.0f} s"
    )
    harness.say(f"fitting {rows:,} rows under --memory {short}")
    scarce = fit(folder, data, short)
    sampled = any(finding["condition"] == "rows-sampled" for finding in scarce.document.get("findings", []))
    kept = scarce.code == 0 and sampled and scarce.peak <= int(short.rstrip("M")) << 20
    told = scarce.code == 7 and scarce.document["error"]["fix"].startswith("--memory")
    message = scarce.document.get("error", {}).get("message", "a finding says that rows were sampled")
    return [
        harness.Figure(
            "fit-1gb-peak-gb", enough.peak / GIBIBYTE if enough.code == 0 else None, goal=FIT, how=how,
            reason=None if enough.code == 0 else f"it ended with {enough.code}",
        ),
        harness.Figure(
            "fit-1gb-under-600M", float(kept or told), goal=(">=", 1.0),
            how=f"--memory {short}: exit code {scarce.code}, peak {scarce.peak / MEGABYTE:.0f} MB: {message}",
        ),
    ]  # fmt: skip


def figures(options: harness.Options) -> list[harness.Figure]:
    with tempfile.TemporaryDirectory() as name:
        return [*ratios(Path(name), options), *fits(Path(name), options)]


if __name__ == "__main__":
    harness.main(__doc__, figures)
