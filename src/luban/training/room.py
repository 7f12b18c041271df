"""How much memory there is for a run: what its processes hold, what the machine has free, and which of both is less."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core import process
from luban.core.units import read_size

SHARE = 0.9
"""Share of the free memory of the machine that a training may plan for."""


@dataclass(frozen=True)
class Space:
    """Bytes that are left for a training, which limit says so, and bytes that all processes of its run hold."""

    left: int
    limit: str
    held: int


@dataclass(frozen=True)
class Room:
    """How much memory there is for a run.

    allowed: bytes of all its processes together; None where only what the machine has free counts. run: the process
    that started the others; 0 for this one.
    """

    allowed: int | None = None
    run: int = 0

    def space(self, weights: int = 0) -> Space:
        """What is left at this moment. weights: bytes of those that are in memory already, and are counted apart."""
        free, held = int(SHARE * _free()) + weights, max(self.held() - weights, 0)
        if self.allowed is None or self.allowed - held > free:
            return Space(free, "what is free", held)
        return Space(max(self.allowed - held, 0), f"--memory {read_size(self.allowed)}", held)

    def held(self) -> int:
        """Bytes that all processes of the run have in memory, where the system tells."""
        run = self.run or os.getpid()
        found = {os.getpid(), run}
        with suppress(OSError):
            tasks = Path(f"/proc/{run}/task/{run}/children").read_text(encoding="ascii")
            found |= set(map(int, tasks.split()))
        return sum(map(process.resident, found))


@contextmanager
def watched(room: Room) -> Iterator[dict[str, Any]]:
    """What a training became, once it is over: bytes of all processes of the run at its height, where the system tells
    them, and wall seconds.
    """
    began, told = time.monotonic(), dict[str, Any]()
    # The system forgets how much there was at most until now.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    yield told
    told["seconds"] = round(time.monotonic() - began, 3)
    own = process.told(os.getpid(), "VmHWM")
    if own:
        told["memory"] = own + room.held() - process.resident(os.getpid())


def _free() -> int:
    """Bytes that the machine has free."""
    with suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        fields: Mapping[str, str] = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) << 10
    return 1 << 62
