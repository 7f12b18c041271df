"""What becomes of memory that a step of a training frees: the next step takes it again.

The C library gives freed memory back to the system as soon as the end of its heap is free, and takes it anew with the
next forward pass; the system then fills every page with zeros. That is up to a tenth of the time of a convolutional
network, by chance of what lies at the end of the heap.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from luban.core import process

KEPT = 256 << 20
"""Bytes at the end of the heap that stay with the process while it trains."""
LARGEST = 32 << 20
"""Bytes from which a piece of memory is taken from the system by itself: the most that glibc allows."""
OFTEN = 8
"""Steps after which holes are given back."""
MORE = 128 << 20
"""Bytes by which the process may grow beyond what its first steps took, before holes are given back."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt`, of glibc's malloc.h."""


@contextmanager
def kept(often: int = OFTEN) -> Iterator[Callable[[int], None]]:
    """While it is held freed memory stays with the process; what is left of it then goes back to the system.

    What it gives is told the number of each step that is over. Steps of different sizes leave holes between what they
    use, which grow with time: where the process has grown by more than KEPT, and by more than MORE beyond what it held
    behind the first `often` steps, the holes go back, `often` steps apart. What the first steps took the next ones take
    too: to give it back is to take it anew.
    Only glibc is told; any other C library does as it likes. The thresholds stay, since glibc cannot be asked for those
    from before.
    """
    if platform.libc_ver()[0] != "glibc":
        yield lambda step: None
        return
    most, first = process.resident(os.getpid()) + KEPT, True

    def stepped(step: int) -> None:
        nonlocal most, first
        if step % often != often - 1:
            return
        held = process.resident(os.getpid())
        if first:
            most, first = max(most, held + MORE), False
        elif held > most:
            give_back()

    library = ctypes.CDLL(None)
    library.mallopt(_TRIM_THRESHOLD, KEPT)
    library.mallopt(_MMAP_THRESHOLD, LARGEST)
    try:
        yield stepped
    finally:
        give_back()


def give_back() -> None:
    """Gives memory that was freed back to the system, where the C library keeps it: others may need it."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
