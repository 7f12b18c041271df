"""The program as a person starts it: help, version, verbs, signals, a reader that stops early."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import luban
from luban.cli.main import group, verbs
from luban.cli.running import run

PROGRAM = [sys.executable, "-c", "from luban.cli.main import main; main()"]
SLEEPER = """
import sys
sys.argv = ["luban", "sample"]
import luban.cli.main as program
from luban.cli.commands import sample
def wait(**asked):
    print("ready", flush=True)
    import threading
    threading.Event().wait()
sample.command.callback = wait
program.main()
"""


@pytest.mark.parametrize("verb", verbs())
def test_each_verb_has_help_that_fits_a_terminal(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group, [verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: luban {verb} ")
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("verb", verbs())
def test_each_option_is_one_line_of_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(group, [verb, "--help"])
    listed = capsys.readouterr().out.split("\n\n")
    options = [
        line for part in listed if part.rstrip().split("\n")[-1].startswith("  -") for line in part.split("\n")[1:]
    ]
    assert len(options) >= 4
    assert all(line.startswith("  -") for line in options if line)


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group, ["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {verb} " in told for verb in verbs())
    assert run(group, []) == 0
    assert capsys.readouterr().out == told


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group, ["--version"]) == 0
    assert capsys.readouterr().out == f"luban {luban.__version__}\n"


def test_a_misspelt_verb_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group, ["ft", "data.csv"]) == 2
    assert "no verb is called 'ft'. Did you mean 'fit'?" in capsys.readouterr().err
    assert run(group, ["ft", "data.csv", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "usage"


def test_hyphen_and_underscore_are_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(group, ["fit", "--no_repair"]) == 2
    assert "DATA is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["embed", "rows.csv"], "--from NAME is missing."),
        (["fit", "rows.csv", "--seed", "x"], "--seed: 'x' is not a whole number."),
        (["generate", "smollm2", "Hello", "--temperature", "hot"], "--temperature: 'hot' is not a number."),
        (["fit", "rows.csv", "--folds", "1"], "--folds: 1 is not in the range 2<=x<=50."),
    ],
)
def test_an_option_that_is_missing_or_wrong_is_named(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(group, arguments) == 2
    assert told in capsys.readouterr().err


def test_the_help_is_the_same_without_colour() -> None:
    plain = subprocess.run([*PROGRAM, "--help"], capture_output=True, env={**os.environ, "NO_COLOR": "1"}, check=True)
    forced = subprocess.run([*PROGRAM, "--help"], capture_output=True, env={**os.environ, "TERM": "xterm"}, check=True)
    assert plain.stdout == forced.stdout
    assert b"\x1b" not in plain.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_exit_code_5(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 5
    assert told.startswith(b"error: stopped.")


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    flood = "import os, sys; sys.argv = ['luban', 'sample']\n" + (
        "import luban.cli.main as program\n"
        "from luban.cli.commands import sample\n"
        "sample.command.callback = lambda **asked: [print('x' * 80) for _ in range(100_000)] and None\n"
        "program.main()\n"
    )
    with subprocess.Popen([sys.executable, "-c", flood], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 0
    assert told == b""
