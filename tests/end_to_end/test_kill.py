"""Kills at any moment: no unreadable bundle, and the same command ends with the bundle of an uninterrupted run."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path

import pytest

import luban
from forking import Programs

FIT = ("fit", "iris.csv", "--target", "species", "--model", "linear,knn,random-forest", "--out", "iris.luban", "--json")


def run(programs: Programs, folder: Path, *arguments: str) -> tuple[int, dict]:
    code = programs.nursery.run("luban", arguments, folder, {}).wait()
    return code, json.loads(folder.with_suffix(".out").read_bytes())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    luban.sample("iris", out=tmp_path / "iris.csv")
    return tmp_path


def kill_often(programs: Programs, folder: Path, kills: int, longest: float, seed: int) -> int:
    """Starts the fit and kills it after a random time, so often; each time it either continues or answers at once."""
    chance = random.Random(seed)
    killed = 0
    while killed < kills:
        process = programs.nursery.run("luban", FIT, folder, {})
        try:
            process.wait(timeout=chance.uniform(0.05, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        bundle = folder / "iris.luban"
        if bundle.exists():
            # Whatever is there is whole; then the next chain of kills starts anew.
            assert luban.load(bundle).content_sha256
            again = run(programs, folder, *FIT)
            assert again[0] == 0
            bundle.rename(folder / f"finished-{killed}-{chance.random()}")
    return killed


def check(programs: Programs, place: Path, kills: int) -> None:
    code, whole = run(programs, place, *FIT)
    assert code == 0
    (place / "iris.luban").rename(place / "finished-whole")
    assert kill_often(programs, place, kills, whole["seconds"] * 0.7 + 0.5, seed=7) == kills
    code, after = run(programs, place, *FIT)
    assert code == 0
    finished = [luban.load(path).content_sha256 for path in place.glob("finished-*")]
    assert {after["content_sha256"], *finished} == {whole["content_sha256"]}
    assert not (place / "iris.luban.run").exists()
    assert not list(place.glob(".iris*"))


@pytest.mark.slow
def test_twenty_kills_change_nothing_of_the_bundle(programs: Programs, place: Path) -> None:
    check(programs, place, 20)


@pytest.mark.soak
def test_a_hundred_kills_change_nothing_of_the_bundle(programs: Programs, place: Path) -> None:
    check(programs, place, 100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_same_command_continues(programs: Programs, place: Path, number: int) -> None:
    arguments = ("fit", "iris.csv", "--target", "species", "--model", "auto", "--json")
    process = programs.nursery.run("luban", arguments, place, {})
    units = place / "iris.luban.run" / "units"
    while process.poll() is None and len(list(units.glob("*"))) < 3:
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
    process.send(number)
    process.wait()
    error = json.loads(place.with_suffix(".out").read_bytes())
    assert process.returncode == 5 == error["exit_code"]
    assert "same command" in error["error"]["fix"]
    assert not (place / "iris.luban").exists()
    finished = {path.name for path in units.glob("*")}
    assert finished
    code, document = run(programs, place, *FIT)
    assert code == 2, "another recipe does not continue what lies there"
    assert "--out" in document["error"]["fix"] and "--force" in document["error"]["fix"]
