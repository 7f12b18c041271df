"""Bad input as a newcomer gives it to the program: the exit code, a few lines that name place and cure, nothing left.

What single readers refuse is in `test_data_messages.py`, hostile bundles are in `attacks`.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fitted import Fitted
from luban.bundle import store
from verbs.program import Done, luban, visits

HEAD, *LINES = visits().splitlines()
HERE = {"visits.csv", "cancer.luban"}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fitted: Fitted) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path.parent / f"{tmp_path.name}-cache"))
    Path("visits.csv").write_text(visits())
    shutil.copytree(fitted.bundle("cancer"), "cancer.luban")


def text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def column(name: str, value: Callable[[int, str], str]) -> str:
    """The visits with other values in a column."""
    place = HEAD.split(",").index(name)
    rows = [line.split(",") for line in LINES]
    return text(
        HEAD, *(",".join([*row[:place], value(i, row[place]), *row[place + 1 :]]) for i, row in enumerate(rows))
    )


@dataclass(frozen=True)
class Wrong:
    """A command that ends with a code and says this. data: of `bad.csv`, where it is about that file."""

    command: str
    code: int
    message: str
    place: str
    cure: str
    data: str | bytes | None = None


FIT = "fit bad.csv --target stage"
WRONG = {
    "a missing file": Wrong("fit visit.csv --target stage", 2, "no such file", "visit.csv", "visits.csv"),
    "an empty file": Wrong(FIT, 3, "is empty", "bad.csv", "written to the end", ""),
    "a header only": Wrong(FIT, 3, "only column names", "bad.csv", "add rows", text(HEAD)),
    "one row": Wrong(FIT, 3, "nothing is left to predict", "'stage'", "--target", text(HEAD, LINES[0])),
    "five rows": Wrong(FIT, 3, "at least 10 are needed", "'stage'", "add rows", text(HEAD, *LINES[:5])),
    "one class": Wrong(FIT, 3, "nothing is left", "'stage'", "--target", column("stage", lambda i, v: "late")),
    "a target without values": Wrong(
        FIT, 3, "no value in any row", "'stage'", "fill", column("stage", lambda i, v: "")
    ),
    "a misspelt target": Wrong("fit visits.csv --target stge", 2, "Did you mean 'stage'?", "--target", "luban inspect"),
    "equal column names": Wrong(
        FIT, 3, "two columns are called 'age'", "line 1", "rename", text(HEAD.replace("dose", "age"), *LINES)
    ),
    "NUL bytes": Wrong(FIT, 3, "NUL", "line 3", "tr -d", text(HEAD, LINES[0], "\0" + LINES[1], *LINES[2:])),
    "a target beyond all numbers": Wrong(
        "fit bad.csv --target value",
        3,
        "no value is finite",
        "'value'",
        "--target",
        column("value", lambda i, v: f"{i + 1}e307"),
    ),
    "words for numbers": Wrong(
        "fit bad.csv --target town --task regression", 3, "needs a number", "'town'", "multiclass", visits()
    ),
    "nothing to learn from": Wrong(
        FIT, 3, "no column is left", "bad.csv", "luban inspect bad.csv", text("stage", *("early", "late") * 20)
    ),
    "a negative weight": Wrong(
        "fit bad.csv --target stage --weight age",
        3,
        "no weight of 0 or more",
        "'age'",
        "fill or leave out",
        column("age", lambda i, v: "-1" if i == 3 else v),
    ),
    "a test file of other columns": Wrong(
        "fit visits.csv --target stage --test bad.csv",
        3,
        "'age' is missing",
        "bad.csv",
        "the same columns",
        text("stage", "late"),
    ),
    "a value of another kind": Wrong(
        "predict cancer.luban bad.csv", 3, "is missing", "bad.csv", "luban inspect", text(HEAD, *LINES)
    ),
    "an unknown model": Wrong("fit visits.csv --target stage --model lineer", 2, "Did you mean 'linear'?", "", "Known"),
    "a metric of another task": Wrong(
        "fit visits.csv --target stage --metric rmse", 2, "for binary", "--metric rmse", "--task"
    ),
    "an unknown key": Wrong(
        "fit visits.csv --target stage --set splt.test=0.3", 2, "Did you mean 'split'?", "--set", "Known"
    ),
    "a share beyond one": Wrong(
        "fit visits.csv --target stage --set split.test=3", 2, "less than 1", "--set", "split.test"
    ),
    "a place of other things": Wrong(
        "fit visits.csv --target stage --out visits.csv", 2, "not a bundle", "visits.csv", "--out"
    ),
    "a place without a name": Wrong(
        "fit visits.csv --target stage --out .", 2, "a name of its own", "--out .", "visits.luban"
    ),
    "a place that cannot be": Wrong(
        "fit visits.csv --target stage --out /proc/no/b.luban", 2, "no folder can be made", "/proc/no", "--out"
    ),
    "little memory": Wrong("fit visits.csv --target stage --memory 1M", 7, "need about", "--memory", "--memory 501M"),
    "a bundle that is not there": Wrong(
        "predict cancr.luban visits.csv", 2, "no such bundle", "cancr.luban", "luban fit"
    ),
    "bundle and data exchanged": Wrong(
        "predict visits.csv cancer.luban", 3, "a bundle is a folder", "visits.csv", "comes first"
    ),
    "data in the place of a bundle": Wrong(
        "evaluate visits.csv visits.csv", 3, "a bundle is a folder", "visits.csv", "comes first"
    ),
    "a folder in the place of a bundle": Wrong(
        "predict cancer.luban/model visits.csv", 3, "no manifest.json", "cancer.luban/model", "that luban fit wrote"
    ),
    "a bundle in the place of data": Wrong("fit cancer.luban --target stage", 2, "bundle", "cancer.luban", "luban"),
    "nobody to ask": Wrong(
        "fit visits.csv --target stage --repair ask", 2, "nobody can answer", "--repair ask", "--repair auto"
    ),
}


def told_in_few_lines(done: Done, wrong: Wrong) -> None:
    # Talk about what was read comes first; the error and its hint are the last lines.
    _, error, rest = done.err.partition("error: ")
    lines = (error + rest).splitlines()
    assert 0 < len(lines) <= 8, done.err
    assert "Traceback" not in done.told
    told = " ".join(rest.split())
    assert wrong.message in told
    assert wrong.place in told
    assert wrong.cure in told


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_told_in_a_few_lines_and_leaves_nothing(name: str) -> None:
    wrong = WRONG[name]
    if wrong.data is not None:
        Path("bad.csv").write_bytes(wrong.data if isinstance(wrong.data, bytes) else wrong.data.encode())
    done = luban(*wrong.command.split())
    assert done.code == wrong.code, done.err
    assert done.out == b""
    told_in_few_lines(done, wrong)
    assert {path.name for path in Path().iterdir()} - {"bad.csv"} == HERE

    document = luban(*wrong.command.split(), "--json").document
    assert document["exit_code"] == wrong.code
    assert set(document["error"]) <= {"kind", "message", "where", "fix"}


ODD = {
    "infinity and NaN": (column("age", lambda i, v: ("inf", "-inf", "nan", v)[i % 4]), "infinite values"),
    "1e308": (column("age", lambda i, v: "1e308" if i % 9 == 0 else v), "infinite values"),
    "ragged rows": (text(HEAD, *LINES, "1,2", "1,2,3"), "2 rows are left out: ragged"),
    "mixed types": (column("age", lambda i, v: v if i % 2 else f"about {v}"), "80 rows"),
    "days that are none": (column("seen", lambda i, v: v if i % 20 else "2024-13-45"), "80 rows"),
    "another encoding": (column("town", lambda i, v: "Köln" if i % 2 else v).encode("latin-1"), "80 rows"),
    "a row without an answer": (column("stage", lambda i, v: v if i else ""), "1 row is left out"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_is_trained_on_and_what_was_done_is_told(name: str) -> None:
    data, told = ODD[name]
    Path("odd.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    done = luban("fit", "odd.csv", "--target", "stage", "--model", "constant", "--threads", "1")
    assert done.code == 0, done.err
    assert told in done.told


@pytest.mark.slow
def test_ten_thousand_columns_are_trained_on() -> None:
    head = ",".join(f"c{place}" for place in range(10_000))
    rows = (",".join(str((row * (place + 3)) % 101) for place in range(10_000)) for row in range(40))
    Path("wide.csv").write_text(text(f"{head},y", *(f"{row},{'no' if i % 2 else 'yes'}" for i, row in enumerate(rows))))
    done = luban("fit", "wide.csv", "--target", "y", "--model", "linear", "--threads", "1", "--json")
    assert done.code == 0, done.out
    assert 20 <= len(done.document["importance"]) <= 10_000
    assert len(luban("predict", "wide.luban", "wide.csv").lines) == 41


def test_a_changed_byte_and_a_missing_file_of_a_bundle() -> None:
    Path("cancer.luban/README.md").write_bytes(b"x" + Path("cancer.luban/README.md").read_bytes()[1:])
    done = luban("predict", "cancer.luban", "sample:breast-cancer")
    assert done.code == 3
    told_in_few_lines(done, Wrong("", 3, "", "README.md", ""))
    Path("cancer.luban/README.md").unlink()
    done = luban("predict", "cancer.luban", "sample:breast-cancer")
    assert done.code == 3
    told_in_few_lines(done, Wrong("", 3, "missing", "README.md", ""))


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_end_leaves_the_old_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("fit", "visits.csv", "--target", "stage", "--model", "constant", "--threads", "1")
    assert luban(*arguments, "--out", "v.luban").code == 0
    before = Path("v.luban/manifest.json").read_bytes()

    def full(*given: object, **others: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store.files, "_sync", full)
    done = luban(*arguments, "--out", "v.luban", "--seed", "1", "--force")
    assert done.code == 7
    told_in_few_lines(done, Wrong("", 7, "the disk is full", "v.luban", "free some space"))
    assert Path("v.luban/manifest.json").read_bytes() == before
    assert {path.name for path in Path().iterdir()} - HERE == {"v.luban", "v.luban.run"}
    monkeypatch.undo()
