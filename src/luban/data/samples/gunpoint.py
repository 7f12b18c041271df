"""GunPoint: 200 movements of a hand, drawing a gun or pointing (UCR archive; Ratanamahatana and Keogh, 2004).

Its own split: 50 rows train, 150 test. It is fetched, inside the package sktime (BSD-3-Clause).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _sktime


@final
class GunPoint:
    """Series of 150 steps, one channel, two classes."""

    target: ClassVar[str] = "label"
    title: ClassVar[str] = "200 movements of a hand: drawing a gun or pointing, 150 steps each"
    rows: ClassVar[int] = 200
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        _sktime.write("GunPoint", place)


sample = GunPoint()
