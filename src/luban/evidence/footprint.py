"""The footprint of a run: processor time, time, memory, and an estimate of energy and CO2e with all its constants.

Energy is an estimate and is labelled as one, unless the processor's own counter (RAPL) can be read. The counter sees
the whole machine, so it counts what else was running.

Memory is that of all processes at the moment when they hold most together, seen twice a second; this process
counts where it grew between two looks. Pages that processes share count in each of them.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

from luban.core import process

WATTS_PER_BUSY_CORE = 12.0
"""Power of one busy core with its share of the package: about 65 to 150 W for 6 to 12 cores of today's processors."""
WATTS_PER_GIBIBYTE = 0.375
"""Power of memory in use: 3 W for 8 GiB (codecarbon and Green Algorithms use the same)."""
OVERHEAD = 1.2
"""Energy drawn at the wall for each unit used by processor and memory: supply, cooling."""
GRAMS_PER_KILOWATT_HOUR = 445.0
"""CO2e of a kilowatt-hour, the world's mean of 2024 (IEA, Electricity 2025); yours may be a tenth or twice of it."""
EVERY = 0.5
"""Seconds between two looks at memory."""
_RAPL = Path("/sys/class/powercap")
_KIBIBYTE = 1024


@final
class Meter:
    """Measures what a block of code uses, its finished child processes included. Final; a context manager.

    >>> with Meter() as meter:
    ...     total = sum(range(1000))
    >>> meter.to_json()["cpu_seconds"] >= 0
    True
    """

    def __init__(self, rapl: Path = _RAPL) -> None:
        self._rapl = rapl
        self._ended: tuple[float, float, dict[Path, int]] | None = None
        self._memory, self._over = 0, threading.Event()

    def __enter__(self) -> Self:
        self._largest = _largest()
        self._started = self._now()
        self._watch = threading.Thread(target=self._look_again, name="footprint", daemon=True)
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()
        self._look()
        self._ended = self._now()

    def _look_again(self) -> None:
        while not self._over.wait(EVERY):
            self._look()

    def _look(self) -> None:
        self._memory = max(self._memory, process.together(os.getpid()))

    def _peak(self) -> int:
        if self._ended is None:
            self._look()
        # What was larger before says nothing of the block.
        grown = [after for before, after in zip(self._largest, _largest(), strict=True) if after > before]
        return max(self._memory, *grown, 0)

    def _now(self) -> tuple[float, float, dict[Path, int]]:
        return _processor_seconds(), time.monotonic(), _counters(self._rapl)

    def to_json(self) -> dict[str, Any]:
        """The footprint so far, or of the whole block once it has ended."""
        (cpu_before, wall_before, energy_before), (cpu, wall, energy) = self._started, self._ended or self._now()
        cpu_seconds, wall_seconds = cpu - cpu_before, wall - wall_before
        memory = self._peak()
        joules = _joules(energy_before, energy)
        if joules is None:
            joules = cpu_seconds * WATTS_PER_BUSY_CORE + wall_seconds * memory / 2**30 * WATTS_PER_GIBIBYTE
            method = "estimate"
        else:
            method = "RAPL counter of the whole machine"
        watt_hours = OVERHEAD * joules / 3600.0
        return {
            "cpu_seconds": round(cpu_seconds, 3),
            "wall_seconds": round(wall_seconds, 3),
            "peak_memory_bytes": memory,
            "energy_wh": round(watt_hours, 6),
            "co2e_g": round(watt_hours / 1000.0 * GRAMS_PER_KILOWATT_HOUR, 6),
            "method": method,
            "constants": {
                "watts_per_busy_core": WATTS_PER_BUSY_CORE,
                "watts_per_gibibyte": WATTS_PER_GIBIBYTE,
                "overhead": OVERHEAD,
                "grams_co2e_per_kilowatt_hour": GRAMS_PER_KILOWATT_HOUR,
            },
        }


def _largest() -> tuple[int, ...]:
    """Bytes of this process at its largest; and of its largest child that ended, where children are not looked at.

    Linux begins what it tells of a child by the size that its parent had when it started it.
    """
    of = (resource.RUSAGE_SELF,) if sys.platform == "linux" else (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    # The system tells kibibytes, but on macOS bytes.
    unit = 1 if sys.platform == "darwin" else _KIBIBYTE
    return tuple(unit * resource.getrusage(who).ru_maxrss for who in of)


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _counters(folder: Path) -> dict[Path, int]:
    """Microjoules of each processor package; empty where they cannot be read."""
    found = {}
    for package in sorted(folder.glob("intel-rapl:[0-9]")):
        try:
            found[package] = int((package / "energy_uj").read_text())
        except (OSError, ValueError):
            continue
    return found


def _joules(before: dict[Path, int], after: dict[Path, int]) -> float | None:
    if not before or set(before) != set(after):
        return None
    total = 0
    for package, start in before.items():
        used = after[package] - start
        if used < 0:
            # The counter starts over at its range.
            try:
                used += int((package / "max_energy_range_uj").read_text())
            except (OSError, ValueError):
                return None
        total += used
    return total / 1e6
