"""The time that is left. The clock starts with the process, so reading the data counts as well."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import ClassVar

_LITTLE = 0.1
"""Processor seconds from which the pace is known."""


def process_started() -> float:
    """When this process started, on the `time.monotonic` clock; this call where the system does not tell."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        return ticks / os.sysconf("SC_CLK_TCK") + time.monotonic() - time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError, ValueError, IndexError):
        return time.monotonic()


@dataclass(frozen=True)
class Pace:
    """How fast this process gets on, from a moment on."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> Pace:
        return cls(time.monotonic(), time.process_time())

    def slowness(self) -> float:
        """Seconds on the clock for each processor second since then; at least 1, and 1 while little was done.

        About 1 for work of one thread on an idle machine, 3 where three processes share each core.

        >>> Pace.now().slowness()
        1.0
        """
        used = time.process_time() - self.processor
        return max(1.0, (time.monotonic() - self.clock) / used) if used > _LITTLE else 1.0


@dataclass(frozen=True)
class Deadline:
    """A moment by which work must end, or none.

    >>> Deadline.after(None).left()
    inf
    >>> Deadline.after(60, started=time.monotonic()).left() <= 60
    True
    """

    at: float
    """The moment, on the `time.monotonic` clock; infinity for none."""
    NEVER: ClassVar[Deadline]

    @classmethod
    def after(cls, seconds: float | None, *, started: float | None = None) -> Deadline:
        if seconds is None:
            return cls(float("inf"))
        return cls((process_started() if started is None else started) + seconds)

    def left(self) -> float:
        """Seconds that are left; negative when it has passed."""
        return self.at - time.monotonic()

    def earlier(self, seconds: float) -> Deadline:
        """The deadline that leaves this many seconds for what comes after."""
        return Deadline(self.at - seconds)


Deadline.NEVER = Deadline(float("inf"))
