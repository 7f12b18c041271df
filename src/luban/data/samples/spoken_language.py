"""Spoken language: recorded prompts of a telephone, English or French (Asterisk; CC-BY-SA-3.0). They are fetched.

There is one speaker for each language, so telling the languages apart is telling two speakers apart. A prompt has the
same `prompt_id` in both, which keeps it on one side of the split. Silence is left out, and so are tones, which are
the same recording in both languages.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _asterisk

SILENCE = "silence/"


@final
class SpokenLanguage:
    """Paths of sounds with two classes, and a group."""

    target: ClassVar[str] = "language"
    title: ClassVar[str] = "1,109 recorded telephone prompts: English or French, one speaker each"
    rows: ClassVar[int] = 1109
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        write_folder({language: _asterisk.prompts(language) for language in _asterisk.PACKAGES}, place)


def write_folder(prompts: Mapping[str, Mapping[str, bytes]], place: Path) -> None:
    """Writes a folder of sounds for each language, and the table `prompts.csv`."""
    recordings = [set(each.values()) for each in prompts.values()]
    same = set.intersection(*recordings)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("path", "prompt_id", SpokenLanguage.target))
    for language, each in prompts.items():
        (place / language).mkdir()
        for name, content in each.items():
            if not name.startswith(SILENCE) and content not in same:
                path = f"{language}/{name.replace('/', '-')}{_asterisk.ENDING}"
                (place / path).write_bytes(content)
                writer.writerow((path, name, language))
    (place / "prompts.csv").write_text(out.getvalue(), encoding="utf-8")


sample = SpokenLanguage()
