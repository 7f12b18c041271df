"""The boundary: every kind of error gets its exit code, its few lines, and its JSON; nothing gets through it."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import pytest

from luban.cli import options
from luban.cli.running import Talk, Verb, lines, run
from luban.core.errors import (
    BundleError,
    DataError,
    GateError,
    Interrupted,
    LubanError,
    ResourceError,
    TrainingError,
    UsageError,
)


@dataclass(frozen=True)
class Done:
    """A result as verbs return it."""

    document: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.document


def group_that(do: Callable[[Talk], Any]) -> click.Group:
    """A group with the verb `sample`, which does this."""

    @click.command("sample", cls=Verb, section="Make a model")
    @click.option("--folds", type=click.IntRange(min=2))
    @options.common
    def command(talk: Talk, folds: int | None) -> Any:
        return do(talk)

    return click.Group("luban", commands={"sample": command})


def raising(error: BaseException) -> click.Group:
    def do(talk: Talk) -> None:
        raise error

    return group_that(do)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (DataError("x"), 3),
        (BundleError("x"), 3),
        (GateError("x"), 4),
        (Interrupted("x"), 5),
        (KeyboardInterrupt(), 5),
        (TrainingError("x"), 6),
        (ResourceError("x"), 7),
        (MemoryError(), 7),
        (OSError(errno.ENOSPC, "No space left on device", "/full"), 7),
        (PermissionError(errno.EACCES, "Permission denied", "/root"), 7),
        (ZeroDivisionError("x"), 1),
        (FileNotFoundError(errno.ENOENT, "nobody checked"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(error), ["sample"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert "Traceback" not in shown.err

    assert run(raising(error), ["sample", "--json"]) == code
    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out)["exit_code"] == code


def test_an_error_names_the_place_then_the_cure(capsys: pytest.CaptureFixture[str]) -> None:
    error = DataError("column 'age' has no value.", where="people.csv", fix="leave it out: --set drop=[age]")
    run(raising(error), ["sample"])
    assert capsys.readouterr().err == (
        "error: people.csv: column 'age' has no value.\n\nhint: leave it out: --set drop=[age]\n"
    )
    run(raising(error), ["sample", "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "kind": "data",
            "message": "column 'age' has no value.",
            "where": "people.csv",
            "fix": "leave it out: --set drop=[age]",
        },
        "exit_code": 3,
    }


def test_an_error_takes_eight_lines_at_most() -> None:
    error = DataError("many words " * 200, where="file.csv", fix="one more word " * 200)
    assert len(lines(error)) == 8
    assert len(lines(DataError("many words " * 200))) == 8
    assert lines(DataError("\n".join(map(str, range(20))), fix="cure"))[-1] == "hint: cure"


def test_a_path_in_an_error_stays_whole() -> None:
    path = "/a-very-long-folder/" * 8 + "file.csv"
    assert any(path in line for line in lines(DataError("it is empty.", where=path)))


def test_a_gate_that_is_not_met_still_shows_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    error = GateError("accuracy is 0.81, not >= 0.9.", document={"measurements": []})
    assert run(raising(error), ["sample", "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["measurements"] == []
    assert document["error"]["kind"] == "gate"


def test_a_defect_says_so_and_how_to_see_where(capsys: pytest.CaptureFixture[str]) -> None:
    run(raising(KeyError("nobody")), ["sample"])
    told = capsys.readouterr().err
    assert "KeyError: 'nobody'" in told
    assert "a defect of luban" in told
    assert "--debug" in told


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    run(raising(KeyError("nobody")), ["sample", "--debug"])
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "place", "cure"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/a.csv"),
            "/full/a.csv: the disk is full.",
            "free some",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full.", "free some space"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/locked/a"),
            "/locked/a: permission denied.",
            "ls -ld /locked/a",
        ),
        (OSError(errno.EROFS, "Read-only file system"), "read-only file system.", "choose another place"),
    ],
)
def test_what_the_system_refuses_is_told_with_its_place_and_cure(
    error: OSError, place: str, cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error), ["sample"]) == 7
    told = capsys.readouterr().err
    assert told.startswith(f"error: {place}\n") and cure in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sample", "--fold", "3"], "'luban sample' has no option '--fold'. Did you mean '--folds'?"),
        (["sample", "--folds", "1"], "--folds: 1 is not in the range x>=2."),
        (["sample", "--folds"], "--folds: option '--folds' requires an argument."),
        (["sample", "more"], "got unexpected extra argument (more)."),
    ],
)
def test_a_wrong_option_is_a_usage_error(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = group_that(lambda talk: None)
    assert run(quiet, arguments) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}\n\nhint: see luban")
    assert run(quiet, ["sample", "--json", *arguments[1:]]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "usage"
    assert error["message"] in told


def test_a_result_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group_that(lambda talk: Done({"path": "a.csv"})), ["sample", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": "a.csv"}


def test_infinity_never_gets_into_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group_that(lambda talk: Done({"value": float("inf")})), ["sample", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "defect"


@pytest.mark.parametrize(
    ("arguments", "quiet"), [([], False), (["--quiet"], True), (["--json"], True), (["--debug"], False)]
)
def test_json_and_quiet_silence_the_talk(arguments: list[str], quiet: bool) -> None:
    heard: list[Talk] = []
    run(group_that(lambda talk: heard.append(talk)), ["sample", *arguments])
    assert heard[0].console.quiet is quiet


def test_every_error_class_is_covered_by_the_first_test() -> None:
    assert {error.__name__ for error in LubanError.__subclasses__()} == {
        *("UsageError", "DataError", "BundleError", "GateError", "Interrupted", "TrainingError", "ResourceError"),
        "DefectError",
    }
