"""Tagged sentences in files: both layouts, what is left out of them, and the line of a word without a tag."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from luban.core.errors import DataError
from luban.data.open import open_dataset

CONLL = """-DOCSTART- -X- -X- O

U.N. NNP I-NP I-ORG
official NN I-NP O
# SYM O O

Ekeus NNP I-NP I-PER
"""
CONLLU = """# sent_id = 1
# text = Du chat  dort
1-2\tDu\t_\t_\t_\t_\t_\t_\t_\t_
1\tDe\tde\tADP\t_\t_\t2\tcase\t_\t_
2\tle\tle\tDET\t_\t_\t3\tdet\t_\t_
3\t10 000\t10000\tNUM\t_\t_\t0\troot\t_\t_
3.1\tdort\tdormir\tVERB\t_\t_\t_\t_\t_\t_
"""


def read(place: Path, content: str) -> pl.DataFrame:
    place.write_text(content, encoding="utf-8")
    return open_dataset(place).frame.collect()


def test_the_last_column_of_conll_is_the_tag(tmp_path: Path) -> None:
    rows = read(tmp_path / "train.conll", CONLL)
    assert rows["words"].to_list() == ["U.N. official #", "Ekeus"]
    assert rows["tags"].to_list() == ["I-ORG O O", "I-PER"]


@pytest.mark.parametrize("ending", [".iob", ".bio", ".iob2"])
def test_tabs_divide_as_spaces_do_and_the_last_sentence_needs_no_empty_line(tmp_path: Path, ending: str) -> None:
    rows = read(tmp_path / f"x{ending}", "Ulm\tB-LOC\nis\tO")
    assert rows.rows() == [("Ulm is", "B-LOC O")]


def test_conllu_has_its_words_and_universal_tags_and_nothing_else(tmp_path: Path) -> None:
    rows = read(tmp_path / "x.conllu", CONLLU)
    assert rows.rows() == [("De le 10_000", "ADP DET NUM")]
    facts = open_dataset(tmp_path / "x.conllu").facts
    assert facts["format"] == "tagged sentences (CoNLL-U)"
    assert facts["spaces"] == "1 words hold a space, written as _"


def test_a_compressed_file_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "x.conll.gz").write_bytes(gzip.compress(CONLL.encode()))
    assert open_dataset(tmp_path / "x.conll.gz").rows == 2


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [("x.conll", "Ulm B-LOC\nis\n", 2), ("x.conllu", "1\tDe\tde\n", 1), ("x.conll", "Ulm\t\n", 1)],
)
def test_a_word_without_a_tag_is_told_with_its_line(tmp_path: Path, name: str, content: str, line: int) -> None:
    with pytest.raises(DataError, match="no word with a tag") as raised:
        read(tmp_path / name, content)
    assert raised.value.where == f"{tmp_path / name}, line {line}"


def test_a_file_of_no_word_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no tagged word"):
        read(tmp_path / "x.conll", "-DOCSTART- O\n\n")
