"""Spoken digits: zero to nine in English and in French, one recorded take each (Asterisk; CC-BY-SA-3.0). Fetched.

Twenty takes are too few to learn from: they test what was learned from other voices.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _asterisk
from luban.data.samples._spoken import COLUMNS, DIGITS, TABLE


@final
class SpokenDigits:
    """Paths of sounds with ten classes."""

    target: ClassVar[str] = "digit"
    title: ClassVar[str] = "20 recorded takes of spoken digits: which of ten, in English and French"
    rows: ClassVar[int] = 20
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        write_folder({language: _asterisk.prompts(language) for language in _asterisk.PACKAGES}, place)


def write_folder(prompts: Mapping[str, Mapping[str, bytes]], place: Path) -> None:
    """Writes a folder of sounds for each language, and the table."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for language, each in prompts.items():
        (place / language).mkdir()
        for number, word in enumerate(DIGITS):
            path = f"{language}/{number}{_asterisk.ENDING}"
            (place / path).write_bytes(each[f"digits/{number}"])
            writer.writerow((path, language, _asterisk.SPEAKERS[language], word))
    (place / TABLE).write_text(out.getvalue(), encoding="utf-8")


sample = SpokenDigits()
