"""A corpus of bad data: each piece gives a short message that names the place and the cure, or is read with a fact."""

from __future__ import annotations

import codecs
import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from luban.core.errors import DataError, LubanError, ResourceError, UsageError
from luban.data import roles
from luban.data.open import open_dataset
from luban.recipe.recipe import Recipe

ROWS = "".join(f"{i % 7},{i * 0.5},{'ja' if i % 2 else 'nein'}\n" for i in range(40))
GOOD = f"age,size,y\n{ROWS}"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))


@dataclass(frozen=True)
class Bad:
    """A file, and the error that it gives: its class, and what the message, the place and the cure must contain."""

    content: bytes | str
    error: type[LubanError]
    message: str
    where: str = "bad.csv"
    fix: str = ""
    name: str = "bad.csv"
    target: str | None = "y"


REFUSED = {
    "empty": Bad("", DataError, "empty", fix="written to the end"),
    "only blank lines": Bad("\n\n \n", DataError, "empty"),
    "header only": Bad("age,size,y\n", DataError, "only column names", fix="add rows"),
    "target has no value": Bad("age,y\n1,\n2,\n3,NA\n", DataError, "no value in any row", where="column 'y'"),
    "target misspelt": Bad(GOOD.replace(",y\n", ",diagnosis\n", 1), UsageError, "Did you mean 'diagnosis'?",
                           where="--target", fix="luban inspect", target="daignosis"),
    "duplicate column names": Bad("a,b,a\n1,2,3\n", DataError, "two columns are called 'a' (columns 1 and 3)",
                                  where="line 1"),
    "NUL bytes": Bad(GOOD + "1,\0,ja\n", DataError, "NUL", where="line 42", fix="tr -d"),
    "NUL bytes in a file of another encoding": Bad(b"a,y\n\xe9,1\n\0,2\n", DataError, "NUL", where="line 3"),
    "mostly ragged": Bad("a,b\n" + "1,2,3\n" * 30, DataError, "30 of 30 rows", fix="delimiter"),
    "a quote without an end": Bad('a,b\n1,2\n3,"never\n4,5\n6,7\n', DataError, "never closed", where="line 3"),
    "a cut archive": Bad(gzip.compress(GOOD.encode() * 50)[:-40], DataError, "broken or cut off", name="bad.csv.gz"),
    "not an archive": Bad(b"\x1f\x8bnothing", DataError, "broken or cut off", name="bad.csv.gz"),
    "cut Parquet": Bad(b"PAR1" + b"x" * 100, DataError, "Parquet", name="bad.parquet"),
    "cut Arrow": Bad(b"ARROW1\0\0" + b"x" * 100, DataError, "Arrow", name="bad.arrow"),
    "a line that is not JSON": Bad('{"a": 1}\n{"a": \n', DataError, "not JSON", where="line 2", name="bad.jsonl"),
    "a JSON number alone": Bad('{"a": 1}\n7\n', DataError, "not an object", where="line 2", name="bad.jsonl"),
    "JSON lines without objects": Bad("\n \n", DataError, "no objects", name="bad.jsonl"),
    "a JSON array": Bad('[{"a": 1}]', DataError, "not a format", name="bad.json"),
    "a picture by the name of a table": Bad(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", DataError, "is not text"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_data_is_refused_with_its_place_and_cure(case: str, tmp_path: Path) -> None:
    bad = REFUSED[case]
    path = tmp_path / bad.name
    path.write_bytes(bad.content.encode() if isinstance(bad.content, str) else bad.content)
    error = _error(lambda: roles.assign(open_dataset(path), Recipe(target=bad.target)), bad.error)
    assert bad.message in error.message
    assert (bad.name if bad.where == "bad.csv" else bad.where) in (error.where or "")
    assert bad.fix in (error.fix or "")


def _error(act: Callable[[], object], kind: type[LubanError]) -> LubanError:
    with pytest.raises(kind) as caught:
        act()
    error = caught.value
    assert (error.where and error.fix) or "Did you mean" in error.message
    text = f"{error}\n{error.fix}"
    assert text.count("\n") < 8 and len(text) < 700
    return error


@dataclass(frozen=True)
class Odd:
    """A file that is read all the same: how many rows, and a fact or a reason that says what was done."""

    content: bytes | str
    rows: int
    told: str
    name: str = "odd.csv"


ACCEPTED = {
    "one row": Odd("age,y\n1,ja\n", 1, ""),
    "no header": Odd("1,0.5,ja\n2,0.7,nein\n", 2, "column_1"),
    "semicolons and decimal commas": Odd("a;y\n1,5;ja\n2,25;nein\n", 2, "decimal sign is a comma"),
    "tabs": Odd("a\ty\n1\tja\n", 1, "tab", "odd.tsv"),
    "latin-1": Odd(("town,y\n" + "Köln,ja\n" * 20).encode("latin-1"), 20, "cp1252: byte"),
    "utf-16": Odd(codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"), 40, "utf-16"),
    "utf-16 without its mark": Odd(GOOD.encode("utf-16-le"), 40, "utf-16-le"),
    "utf-8 with a mark": Odd(codecs.BOM_UTF8 + GOOD.encode(), 40, "utf-8-sig"),
    "gb18030": Odd(("城市,y\n" + "北京很大,是\n上海也大,否\n" * 10).encode("gb18030"), 20, "gb18030"),
    "a few words among numbers": Odd("a,y\n" + "1,ja\n2,nein\n" * 9 + "unknown,ja\n", 19,
                                     "read as missing ('unknown')"),
    "a few codes among numbers": Odd("a,y\n" + "1,ja\n2,nein\n" * 9 + "3+,ja\n", 19, "no numbers, such as '3+'"),
    "dates that do not parse": Odd("a,y\n" + "2024-01-02,1\n" * 39 + "2024-13-45,1\n", 40,
                                   "1 that are not are read as missing"),
    "infinity and NaN": Odd("a,y\n1.5,1\ninf,1\n-Infinity,2\nNaN,2\n", 4, "numbers, 3 different"),
    "1e308": Odd("a,y\n1e308,1\n-1e308,2\n1e999,3\n", 3, "numbers, 3 different"),
    "leading zeros": Odd("zip,y\n00123,1\n04567,2\n00123,1\n", 3, "leading zeros"),
    "windows line ends": Odd(GOOD.replace("\n", "\r\n"), 40, "comma"),
    "old line ends": Odd(GOOD.replace("\n", "\r"), 40, "comma"),
    "blank lines": Odd(GOOD.replace("\n", "\n\n"), 40, "comma"),
    "line ends within quotes": Odd('a,y\n"one\ntwo",1\n"x,y",2\n', 2, "comma"),
    "a quote within a value": Odd('a,y\n5" pipe,1\nb,2\nc,3\n', 3, "comma"),
    "single quotes": Odd("a,y\n'x,1',1\n'z',2\n'w',3\n", 3, "'"),
    "spaces after commas": Odd("a, y\n1, ja\n2, nein\n", 2, "left out"),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED)
def test_odd_data_is_read_and_what_was_done_is_told(case: str, tmp_path: Path) -> None:
    odd = ACCEPTED[case]
    path = tmp_path / odd.name
    path.write_bytes(odd.content.encode() if isinstance(odd.content, str) else odd.content)
    dataset = open_dataset(path)
    assert dataset.rows == odd.rows == dataset.frame.collect().height
    told = " ".join([*dataset.facts.values(), *(column.reason for column in dataset.schema.columns)])
    assert odd.told in told


def test_ragged_rows_are_left_out_counted_and_listed_by_line(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text(GOOD + '1,2\n"two\nlines",1,ja\n1,2,3,4\n' + ROWS)
    dataset = open_dataset(path)
    assert dataset.rows == 81
    assert dataset.dropped == {"ragged": 2}
    assert dataset.listed == ((42, "2 values instead of 3"), (45, "4 values instead of 3"))


def test_a_missing_file_names_the_near_one(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(GOOD)
    error = _error(lambda: open_dataset(tmp_path / "poeple.csv"), UsageError)
    assert error.exit_code == 2 and "people.csv" in str(error.fix)
    assert "sample:iris" in str(_error(lambda: open_dataset("iris"), UsageError).fix)


def test_places_without_data(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "one folder for each class" in str(_error(lambda: open_dataset(tmp_path / "nothing"), DataError).fix)
    assert _error(lambda: open_dataset(str(tmp_path / "*.csv")), UsageError).exit_code == 2
    (tmp_path / "x.luban").mkdir()
    (tmp_path / "x.luban" / "manifest.json").write_text("{}")
    assert "bundle" in _error(lambda: open_dataset(tmp_path / "x.luban"), UsageError).message
    assert "Did you mean 'iris'?" in _error(lambda: open_dataset("sample:irsi"), UsageError).message
    assert "--fetch" in str(_error(lambda: open_dataset("sample:bbc-news"), UsageError).fix)


def test_ten_thousand_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = ",".join(f"c{place}" for place in range(10_000))
    path.write_text(f"{names}\n" + "".join(",".join([str(row)] * 10_000) + "\n" for row in range(3)))
    dataset = open_dataset(path)
    assert len(dataset.schema.columns) == 10_000
    near = _error(lambda: roles.assign(dataset, Recipe(target="c10000")), UsageError)
    assert "and 9988 more" in near.message


def test_files_of_a_glob_must_have_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    error = _error(lambda: open_dataset(str(tmp_path / "*.csv")), DataError)
    assert "a.csv" in error.message and "b.csv" in str(error.where)


def test_a_value_of_another_kind_is_named_with_its_row(tmp_path: Path) -> None:
    trained = open_dataset(_written(tmp_path / "train.csv", GOOD))
    error = _error(
        lambda: open_dataset(_written(tmp_path / "test.csv", "age,size,y\n1,2,ja\nold,3,ja\n"), like=trained.schema),
        DataError,
    )
    assert error.message == "'old' is not a number."
    assert str(error.where).endswith("test.csv, column 'age', row 1")


def test_a_read_only_cache_is_replaced_by_a_temporary_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file in the place of the cache stops even the administrator, whom permissions do not stop.
    monkeypatch.setenv("LUBAN_CACHE", str(_written(tmp_path / "blocked", "")))
    assert open_dataset(_written(tmp_path / "good.csv", GOOD)).rows == 40


def test_a_full_disk_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: pl.LazyFrame, *args: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    error = _error(lambda: open_dataset(_written(tmp_path / "good.csv", GOOD)), ResourceError)
    assert error.exit_code == 7 and "LUBAN_CACHE" in str(error.fix)
    assert not list((tmp_path / "cache" / "tables").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop the administrator")
def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = _written(tmp_path / "secret.csv", GOOD)
    path.chmod(0)
    assert _error(lambda: open_dataset(path), ResourceError).exit_code == 7


def test_columns_and_kinds_that_are_not_there(tmp_path: Path) -> None:
    path = _written(tmp_path / "good.csv", GOOD)
    assert "Did you mean 'size'?" in _error(lambda: open_dataset(path, columns={"siez": "number"}), UsageError).message
    assert (
        "Did you mean 'category'?"
        in _error(lambda: open_dataset(path, columns={"size": "categry"}), UsageError).message
    )


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


FULL = """
import resource, sys
from luban.core.errors import ResourceError
from luban.data.open import open_dataset
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    open_dataset(sys.argv[1])
except ResourceError as error:
    print(error.exit_code, error, error.fix)
"""


def test_a_disk_that_fills_while_writing(tmp_path: Path) -> None:
    path = _written(tmp_path / "big.csv", "a,b\n" + "".join(f"{i * 0.37},{i * 7919}\n" for i in range(60_000)))
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("7 ") and "LUBAN_CACHE" in done.stdout
    assert not list((tmp_path / "cache" / "tables").iterdir())
