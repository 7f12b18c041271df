"""What this process asks of the system about itself and those beside it."""

from __future__ import annotations

import ctypes
import signal
import sys
from contextlib import suppress
from pathlib import Path


def end_with_parent() -> None:
    """Asks Linux to end this process when its parent dies, so that a killed run leaves nobody working."""
    parent_death_signal = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


def resident(number: int) -> int:
    """Bytes that a process has in memory; 0 where the system does not tell."""
    return told(number, "VmRSS")


def family(number: int) -> set[int]:
    """A process and all that it started, and these started, as far as the system tells."""
    found: set[int] = set()
    waiting = [number]
    while waiting:
        known = waiting.pop()
        if known in found:
            continue
        found.add(known)
        for thread in Path(f"/proc/{known}/task").glob("*/children"):
            # A thread or a process may end meanwhile.
            with suppress(OSError, ValueError):
                waiting += map(int, thread.read_text(encoding="ascii").split())
    return found


def together(number: int) -> int:
    """Bytes that a process has in memory with all that it started, as far as the system tells."""
    return sum(resident(each) for each in family(number) if each == number or not _stands_in_its_parent(each))


def _stands_in_its_parent(number: int) -> bool:
    """Whether a process was just started, and has the memory of its parent in the place of its own."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{number}/status").read_text(encoding="utf-8").splitlines()
        parent = next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))
        same_command = Path(f"/proc/{number}/cmdline").read_bytes() == Path(f"/proc/{parent}/cmdline").read_bytes()
        return same_command and told(number, "VmSize") == told(parent, "VmSize")
    return False


def told(number: int, field: str) -> int:
    """Bytes in a field of what Linux tells of a process, `VmHWM` for instance; 0 where there is no such field.

    >>> told(1 << 40, "VmRSS")
    0
    """
    try:
        lines = Path(f"/proc/{number}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
