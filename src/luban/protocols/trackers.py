"""A program that shows a run while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Point:
    """A number that a run told. part: the unit of work, or `bundle`. seconds: when it was told, since 1970."""

    part: str
    name: str
    value: float
    step: int
    seconds: float


class Tracking(Protocol):
    """A run that is shown while it goes on. Whatever it raises, the run goes on."""

    def describe(self, part: str, values: Mapping[str, str], seconds: float) -> None:
        """Tells what was chosen for a part."""

    def add(self, points: Sequence[Point]) -> None:
        """Tells some numbers together."""

    def close(self) -> None:
        """Ends it, for now."""


class Tracker(Protocol):
    """A program that shows runs (`trackers/`)."""

    def open(self, run: str, where: str, beside: Path, known: dict[str, str]) -> Tracking:
        """The tracking of a run. where: the server or folder that was named; may be empty. beside: the bundle's place.

        known: names of its own by part, filled by the tracking; a run that continues brings those of before.
        Raises UsageError where it is not installed or does not answer.
        """
