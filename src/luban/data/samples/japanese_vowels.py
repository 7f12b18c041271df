"""Japanese vowels: 640 utterances of two vowels by nine men, as 12 coefficients a step (UEA archive; Kudo, 1999).

Its own split: 270 rows train, 370 test. It is fetched, inside the package sktime (BSD-3-Clause).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _sktime


@final
class JapaneseVowels:
    """Series of 7 to 29 steps, twelve channels, nine classes."""

    target: ClassVar[str] = "label"
    title: ClassVar[str] = "640 utterances of vowels: which of nine speakers; 12 channels, 7 to 29 steps"
    rows: ClassVar[int] = 640
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        _sktime.write("JapaneseVowels", place)


sample = JapaneseVowels()
