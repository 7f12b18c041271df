"""The time that is left. The clock starts with the process, so reading the data counts as well."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import ClassVar


def process_started() -> float:
    """When this process started, on the `time.monotonic` clock; this call where the system does not tell."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        return ticks / os.sysconf("SC_CLK_TCK") + time.monotonic() - time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError, ValueError, IndexError):
        return time.monotonic()


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
