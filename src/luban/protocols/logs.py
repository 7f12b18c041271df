"""What a training of another program leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol


class Log(Protocol):
    """A kind of log that a training leaves behind (`logs/`).

    certain: whether what fits can be nothing else. A table fits by its columns alone, and might be data.
    """

    certain: ClassVar[bool]

    def fits(self, path: Path) -> bool:
        """Whether a file or folder that is there is a log of this kind."""

    def read(self, path: Path) -> Mapping[str, Sequence[Mapping[str, float]]]:
        """The rows of each training in it, by name; empty where there is but one. A row has the numbers that were told
        at one time, by the names that the log has for them; NaN where it says that there is none.

        Raises DataError for one that is damaged, and UsageError where its reader is not installed.
        """
