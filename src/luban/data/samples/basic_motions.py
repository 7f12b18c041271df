"""BasicMotions: 80 recordings of a watch on a wrist, of people who stand, run, walk or play badminton (UEA archive).

Its own split: 40 rows train, 40 test. It is fetched, inside the package sktime (BSD-3-Clause).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _sktime


@final
class BasicMotions:
    """Series of 100 steps, six channels, four classes."""

    target: ClassVar[str] = "label"
    title: ClassVar[str] = "80 recordings of a watch: standing, running, walking, badminton; six channels"
    rows: ClassVar[int] = 80
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        _sktime.write("BasicMotions", place)


sample = BasicMotions()
