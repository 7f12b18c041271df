"""Texts as files: each file of a folder is a document, inner folders included; a row has its `text` and its `file`.

In a file alone documents stand one below the other, with an empty line between them, as in the input of BERT (Devlin et
al., 2019). Files without a letter are left out and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import final

import polars as pl

from luban.core.errors import DataError
from luban.data.dataset import FILE, TEXTS
from luban.data.sources import _encoding, _plain
from luban.protocols import Reading, Wish

ENDINGS = (".txt", ".text", ".md")
LONGEST = 1 << 28
"""Bytes of a file."""
_BETWEEN = re.compile(r"\n[ \t\r]*\n\s*")
_EMPTY = "no text"
TEXT = "text"
"""The column of the texts."""


@final
class TextFiles:
    """Folders of texts, and files of texts."""

    def recognises(self, path: Path, head: bytes) -> bool:
        if not path.is_dir():
            return _plain.ending(path) in ENDINGS
        inside = [each for each in path.iterdir() if not each.name.startswith(".")]
        # A file without an ending is a licence or the like.
        others = (each.is_dir() or _plain.ending(each) not in (*ENDINGS, "") for each in inside)
        return any(_is_text(each) for each in inside) and not any(others)

    def files(self, path: Path) -> tuple[Path, ...]:
        if not path.is_dir():
            return (path,)
        return tuple(sorted(each for each in path.rglob("*") if _is_text(each)))

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        files = self.files(path)
        if not files:
            raise DataError(
                f"the folder holds no text: no file that ends in {', '.join(ENDINGS)}.",
                where=str(path),
                fix="give a folder of .txt files, or a table with a column of texts",
            )
        texts, names = [], []
        for file in files:
            for text in _texts(file, alone=not path.is_dir()):
                texts.append(text)
                names.append(str(file.relative_to(path)) if path.is_dir() else file.name)
        kept = [place for place, text in enumerate(texts) if text.strip()]
        if not kept:
            raise DataError("the texts are empty: there is no word in them.", where=str(path), fix="give other files")
        columns: dict[str, list[str]] = {TEXT: [texts[place] for place in kept]}
        if path.is_dir():
            columns[FILE] = [names[place] for place in kept]
        pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_parquet(into, compression="lz4")
        left = [names[place] for place in range(len(texts)) if not texts[place].strip()]
        return Reading(
            pl.scan_parquet(into),
            {"format": TEXTS if path.is_dir() else "documents with an empty line between them"},
            dropped=dict(Counter(_EMPTY for _ in left)),
            listed=tuple((number, f"{name}: {_EMPTY}") for number, name in enumerate(left[:100], start=1)),
        )


def _is_text(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and _plain.ending(path) in ENDINGS


def _texts(file: Path, *, alone: bool) -> list[str]:
    """The documents of a file."""
    with _plain.opened(file) as opened:
        data = _plain.exactly(opened, LONGEST + 1)
    if len(data) > LONGEST:
        raise DataError(f"a file of texts has at most {LONGEST:,} bytes.", where=str(file), fix="cut it into several")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode(_encoding.guess(file, data[:1000])[0], "replace")
    return [part for part in _BETWEEN.split(text) if part.strip()] if alone else [text]


source = TextFiles()
