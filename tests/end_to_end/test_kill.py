"""Kills at any moment: no unreadable bundle, and the same command ends with the bundle of an uninterrupted run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import luban

FIT = ("fit", "iris.csv", "--target", "species", "--model", "linear,knn,random-forest", "--out", "iris.luban", "--json")


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "luban", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run(folder: Path, *arguments: str) -> tuple[int, dict]:
    process = start(folder, *arguments)
    out, _ = process.communicate()
    return process.returncode, json.loads(out)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    luban.sample("iris", out=tmp_path / "iris.csv")
    return tmp_path


def kill_often(folder: Path, kills: int, longest: float, seed: int) -> int:
    """Starts the fit and kills it after a random time, so often; each time it either continues or answers at once."""
    chance = random.Random(seed)
    killed = 0
    while killed < kills:
        process = start(folder, *FIT)
        try:
            process.communicate(timeout=chance.uniform(0.05, longest))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
        bundle = folder / "iris.luban"
        if bundle.exists():
            # Whatever is there is whole; then the next chain of kills starts anew.
            assert luban.load(bundle).content_sha256
            again = run(folder, *FIT)
            assert again[0] == 0
            bundle.rename(folder / f"finished-{killed}-{chance.random()}")
    return killed


def check(place: Path, kills: int) -> None:
    code, whole = run(place, *FIT)
    assert code == 0
    (place / "iris.luban").rename(place / "finished-whole")
    assert kill_often(place, kills, whole["seconds"] * 0.7 + 0.5, seed=7) == kills
    code, after = run(place, *FIT)
    assert code == 0
    finished = [luban.load(path).content_sha256 for path in place.glob("finished-*")]
    assert {after["content_sha256"], *finished} == {whole["content_sha256"]}
    assert not (place / "iris.luban.run").exists()
    assert not list(place.glob(".iris*"))


@pytest.mark.slow
def test_twenty_kills_change_nothing_of_the_bundle(place):
    check(place, 20)


@pytest.mark.soak
def test_a_hundred_kills_change_nothing_of_the_bundle(place):
    check(place, 100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_same_command_continues(place, number):
    process = start(place, "fit", "iris.csv", "--target", "species", "--model", "auto", "--json")
    units = place / "iris.luban.run" / "units"
    while process.poll() is None and len(list(units.glob("*"))) < 3:
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
    os.kill(process.pid, number)
    out, _ = process.communicate()
    error = json.loads(out)
    assert process.returncode == 5 == error["exit_code"]
    assert "same command" in error["error"]["fix"]
    assert not (place / "iris.luban").exists()
    finished = {path.name for path in units.glob("*")}
    assert finished
    code, document = run(place, *FIT)
    assert code == 2, "another recipe does not continue what lies there"
    assert "--out" in document["error"]["fix"] and "--force" in document["error"]["fix"]
