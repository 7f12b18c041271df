"""What a run may use: time, memory and threads, each with the reason for its value.

Where a limit makes a run use fewer rows, that number is written into the recipe, so the recipe alone repeats the run.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core import units
from luban.core.deadline import Deadline
from luban.core.errors import ResourceError, UsageError

DEFAULT_MEMORY = 3 << 29
"""1.5 GiB: what a fit may use in all where nobody says, so that an ordinary machine stays usable."""

CELLS_PER_SECOND = 150_000
"""Encoded numbers that the first candidate's fits get through in a second of `--time`, on one slow core, by trial."""

ASKED = "as asked"
LIBRARIES = 500 << 20
"""Memory of the two processes of a fit before there are rows, by trial."""
EVERY_ROW = 80
"""Bytes that each row of the data takes at most while it is divided, whether it trains or not, by trial."""
MAIN = 250 << 20
"""What the process of the run holds beside it while a worker trains."""
COPIES = 5
"""How often the encoded rows are in memory at once, by trial with gradient boosting, the greediest of them."""
ROW = 100
"""Bytes that a row takes beside its numbers: target, weight, folds, outputs, in both processes."""


@dataclass(frozen=True)
class Limits:
    """What a run may use. seconds is None without `--time`. workers: how many processes train each network."""

    seconds: float | None
    deadline: Deadline
    memory: int
    memory_reason: str
    threads: int
    threads_reason: str
    workers: int = 1

    def to_json(self) -> dict[str, Any]:
        """The limits and their reasons, for the record of a run."""
        memory = {"memory_bytes": self.memory, "memory_reason": self.memory_reason}
        threads = {"threads": self.threads, "threads_reason": self.threads_reason}
        threads |= {"workers": self.workers} if self.workers > 1 else {}
        return {**({"seconds": self.seconds} if self.seconds is not None else {}), **memory, **threads}

    def check(self, rows: int) -> None:
        """Raises ResourceError, naming what is needed, where the memory that was asked for cannot hold so many rows."""
        needed = LIBRARIES + EVERY_ROW * rows
        if self.memory < needed and self.memory_reason == ASKED:
            # Rounded up, so that what is allowed is never told to be what is needed.
            megabytes = math.ceil(needed / (1 << 20))
            raise ResourceError(
                f"{rows:,} rows need about {units.read_size(megabytes << 20)}, and {units.read_size(self.memory)} was "
                "allowed.",
                where="--memory",
                fix=f"--memory {megabytes}M, or give fewer rows",
            )

    def rows(self, width: float) -> tuple[int, str]:
        """How many rows of this many stored numbers are trained on at most, and which limit says so."""
        # The encoded rows, a fold's copy and the trainer's own are alive at once, beside targets, folds and outputs.
        in_memory = int(max(self.memory - LIBRARIES - MAIN, self.memory // 8) / (COPIES * 4 * max(width, 1) + ROW))
        by_memory = f"--memory {units.read_size(self.memory)} ({self.memory_reason})"
        if self.seconds is None:
            return max(in_memory, 1000), by_memory
        in_time = int(self.seconds * CELLS_PER_SECOND / max(width, 1))
        return max(min(in_memory, in_time), 1000), by_memory if in_memory <= in_time else f"--time {self.seconds:g}s"


def limits(
    time: str | float | None = None,
    memory: str | int | None = None,
    threads: int | None = None,
    workers: int = 1,
    *,
    started: float | None = None,
) -> Limits:
    """The limits as asked for, and sensible ones where nothing was.

    started: when the time began, on the clock of `time.monotonic`; the start of the process where nothing is said.

    >>> limits(memory="2G", threads=1).memory_reason
    'as asked'
    """
    seconds = None if time is None else units.seconds(time)
    if threads is not None and threads < 1:
        raise UsageError(f"a run needs at least one thread, not {threads}.", where="--threads", fix="--threads 1")
    if workers < 1:
        raise UsageError(f"a network needs at least one process, not {workers}.", where="--workers", fix="--workers 1")
    free, free_reason = _free_threads()
    allowed, reason = (units.size(memory), ASKED) if memory is not None else _free_memory()
    return Limits(
        seconds=seconds,
        deadline=Deadline.after(seconds, started=started),
        memory=allowed,
        memory_reason=reason,
        threads=threads or free,
        threads_reason=ASKED if threads else free_reason,
        workers=workers,
    )


def _free_threads() -> tuple[int, str]:
    """The cores that this process may use, or fewer where OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # A list gives a number for each level of nested parallelism; the first one is the outermost.
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if told.isascii() and told.isdigit() and 0 < int(told) < cores:
        return int(told), f"OMP_NUM_THREADS is {told}"
    return cores, f"this process may use {cores} cores"


def _free_memory() -> tuple[int, str]:
    """The smaller of the default and half of what is free now."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        half = int(fields["MemAvailable"].split()[0]) * 1024 // 2
    except (OSError, KeyError, ValueError):
        return DEFAULT_MEMORY, "the default"
    if half < DEFAULT_MEMORY:
        return half, "half of what is free"
    return DEFAULT_MEMORY, "the default"
