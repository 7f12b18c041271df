"""Tagged texts as CoNLL lays them out: a word a line, with its columns, and an empty line behind each sentence.

    U.N.     NNP  I-NP  I-ORG        `.conll`, `.iob`, `.iob2`, `.bio`: the tag is in the last column

    # text = Ulm is old
    1  Ulm  Ulm  PROPN  NNP  ...     `.conllu`: the word is the second column, FORM, the tag the fourth, UPOS

A row has the `words` of a sentence and their `tags`, each with a space between them. Lines that only say where a
document starts (`-DOCSTART-`), comments, and the parts of words that CoNLL-U writes beside the words are left out.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import final

import polars as pl

from luban.core.errors import DataError
from luban.data.sources import _encoding, _plain
from luban.protocols import Reading, Wish

ENDINGS = (".conll", ".conllu", ".iob", ".iob2", ".bio")
WORDS, TAGS = "words", "tags"
_SCHEMA = {WORDS: pl.String, TAGS: pl.String}
_TOGETHER = 5_000
"""Sentences that are written together."""
_START = "-DOCSTART-"
_FORM, _UPOS, _OF_CONLLU = 1, 3, 10
_NO_WORD = re.compile(r"\d+[-.]\d+")
"""How CoNLL-U numbers several words that are written as one, and words that are not written."""


@final
class Conll:
    """Files of tagged sentences."""

    def recognises(self, path: Path, head: bytes) -> bool:
        return _plain.ending(path) in ENDINGS

    def files(self, path: Path) -> tuple[Path, ...]:
        return (path,)

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        encoding, why = _encoding.guess(path, _plain.head(path))
        told: Counter[str] = Counter()
        rows = pl.concat([_frame([]), *_frames(path, encoding, told)])
        if rows.is_empty():
            raise DataError("the file holds no tagged word.", where=str(path), fix="write a word and its tag a line")
        rows.write_parquet(into, row_group_size=_TOGETHER, compression="lz4")
        return Reading(
            frame=pl.scan_parquet(into),
            facts={
                "format": "tagged sentences (CoNLL-U)" if _is_conllu(path) else "tagged sentences (CoNLL)",
                "encoding": encoding if encoding == "utf-8" else f"{encoding}: {why}",
                **({"spaces": f"{told['spaces']:,} words hold a space, written as _"} if told["spaces"] else {}),
            },
        )


def sentences(path: Path, encoding: str, told: Counter[str]) -> Iterator[tuple[str, str]]:
    """The words and the tags of each sentence. told: counts what was changed.

    Raises DataError that names the line where a word has no tag.
    """
    words: list[str] = []
    tags: list[str] = []
    conllu = _is_conllu(path)
    for number, line in enumerate(_lines(path, encoding), start=1):
        if not line.strip():
            if words:
                yield " ".join(words), " ".join(tags)
            words, tags = [], []
            continue
        # In CoNLL a number sign is a word like any other.
        if (conllu and line.startswith("#")) or line.startswith(_START):
            continue
        parts = line.split("\t") if "\t" in line else line.split()
        if conllu and _NO_WORD.fullmatch(parts[0]):
            continue
        word, tag = _pair(parts, conllu, path, number)
        told["spaces"] += " " in word
        words.append("_".join(word.split()))
        tags.append(tag)
    if words:
        yield " ".join(words), " ".join(tags)


def _pair(parts: list[str], conllu: bool, path: Path, number: int) -> tuple[str, str]:
    fewest = _OF_CONLLU if conllu else 2
    if len(parts) >= fewest:
        word, tag = (parts[_FORM], parts[_UPOS]) if conllu else (parts[0], parts[-1])
        if word.strip() and len(tag.split()) == 1:
            return word, tag.strip()
    raise DataError(
        f"the line has no word with a tag: {' '.join(parts)!r:.60}.",
        where=f"{path}, line {number}",
        fix=f"{fewest} columns or more, with a tab between them, and an empty line behind each sentence",
    )


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with (
        _plain.opened(path) as file,
        io.TextIOWrapper(file, encoding=encoding, errors="replace") as lines,
    ):
        yield from lines


def _frames(path: Path, encoding: str, told: Counter[str]) -> Iterator[pl.DataFrame]:
    some: list[tuple[str, str]] = []
    for pair in sentences(path, encoding, told):
        some.append(pair)
        if len(some) == _TOGETHER:
            yield _frame(some)
            some = []
    yield _frame(some)


def _frame(pairs: list[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=_SCHEMA, orient="row")


def _is_conllu(path: Path) -> bool:
    return _plain.ending(path) == ".conllu"


source = Conll()
