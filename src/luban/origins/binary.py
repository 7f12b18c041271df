"""A file of numbers and names that another program wrote, read from its start, nothing of it trusted.

What the numbers mean is in the module of each layout.
"""

from __future__ import annotations

import mmap
import struct
from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from luban.core.errors import UsageError


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies. shape: rows first. kind: how its numbers are written. start: bytes from the file's start."""

    shape: tuple[int, ...]
    kind: int
    start: int


@dataclass
class Reader(ABC):
    """Abstract. What is read next of a file that is mapped into memory. place: bytes from the start.

    part: what of the file is read by it. cure: what to give instead of a file that is refused.
    """

    part: ClassVar[str]
    cure: ClassVar[str]
    path: Path
    bytes_: mmap.mmap
    place: int = 0

    @classmethod
    def of(cls, path: Path) -> Self:
        """The reader at the start of a file. Raises UsageError where it is empty or cannot be read."""
        try:
            with path.open("rb") as file:
                return cls(path, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            raise cls.refused(path, "it is empty, or cannot be read") from None

    @classmethod
    def refused(cls, path: Path, what: str) -> UsageError:
        """The error that says what is wrong with a file."""
        return UsageError(f"{what}.", where=str(path), fix=cls.cure)

    def take(self, count: int) -> bytes:
        """The next bytes, so many. Raises UsageError where the file has fewer."""
        if self.place + count > len(self.bytes_):
            raise self.refused(self.path, f"{self.part} ends too early")
        self.place += count
        return self.bytes_[self.place - count : self.place]

    def number(self, kind: str) -> Any:
        """The next number, of a kind as `struct` names it, its lowest byte first."""
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]
