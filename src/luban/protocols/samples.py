"""Data sets that luban can name."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol


class Sample(Protocol):
    """A data set, or a pretrained model, that luban can name (`data/samples/`).

    rows: how many; a model has none. fetch: it comes over the network.

    ending: of the file that it is; empty for a folder.
    """

    target: ClassVar[str]
    title: ClassVar[str]
    rows: ClassVar[int]
    fetch: ClassVar[bool]
    ending: ClassVar[str]

    def write(self, place: Path) -> None:
        """Writes the file, or fills the folder, which is there and empty."""
