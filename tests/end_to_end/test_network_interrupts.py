"""The training of a network stops when it is asked to, keeps what it has, and goes on in the middle of an epoch."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from forking import Forked, Programs

pytest.importorskip("torch", reason="networks need the extra 'nets'")

# Epochs are long enough to be stopped within.
FIT = (
    "fit", "rows.csv", "--target", "species", "--model", "mlp", "--out", "rows.luban", "--json", "--threads", "1",
    "--set", "train.epochs=8", "--set", "train.learning_rate=0.001", "--set", "train.batch_size=2",
    "--set", "train.checkpoint_seconds=1000", "--set", "train.stopping=0", "--set", "train.precision=float32",
    "--validation", "iris.csv", "--repair", "off",
)  # fmt: skip

STEPS = 300
"""Of an epoch: of 750 rows a fifth tests, and two of the others make a step; it trains once."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Iris five times, so that an epoch has many steps."""
    luban.sample("iris", out=tmp_path / "iris.csv")
    header, *rows = (tmp_path / "iris.csv").read_text().splitlines()
    (tmp_path / "rows.csv").write_text("\n".join([header, *rows * 5]) + "\n")
    return tmp_path


def start(programs: Programs, folder: Path, *arguments: str) -> Forked:
    return programs.nursery.run("luban", [*FIT, *arguments], folder, {"OMP_NUM_THREADS": "1"})


def told(process: Forked, code: int, folder: Path) -> dict[str, Any]:
    """The document of a run, once it has ended with this code."""
    assert process.wait() == code, folder.with_suffix(".err").read_text()[-2000:]
    return dict(json.loads(folder.with_suffix(".out").read_bytes()))


def history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "rows.luban.run" / "history.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def interrupted(programs: Programs, folder: Path, number: int, *arguments: str) -> dict[str, Any]:
    """The document of a run that was sent a signal in its second epoch."""
    process = start(programs, folder, *arguments)
    while process.poll() is None and not any(line.get("epoch") == 0 for line in history(folder)):
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
    process.send(number)
    return told(process, 5, folder)


def finished(programs: Programs, folder: Path, *arguments: str) -> dict[str, Any]:
    return told(start(programs, folder, *arguments), 0, folder)


def check(programs: Programs, place: Path, number: int, *arguments: str) -> None:
    error = interrupted(programs, place, number, *arguments)
    assert "same command" in error["error"]["fix"]
    assert list((place / "rows.luban.run" / "networks").rglob("*.safetensors")), "its state is kept"
    again = finished(programs, place, *arguments)
    assert again["resumed"] is True
    stored = luban.load(place / "rows.luban").stored
    continued = [line for line in stored.history if "continues" in line]
    assert len(continued) == 1, "the training that was stopped went on, and no other had begun"
    assert continued[0]["epoch"] >= 1
    assert continued[0]["continues"] % STEPS, "in the middle of an epoch"
    (place / "rows.luban").rename(place / "continued.luban")
    whole = finished(programs, place, *arguments)
    assert whole["resumed"] is False
    assert again["content_sha256"] == whole["content_sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_the_training_and_the_same_command_ends_with_the_same_bundle(
    number: int, programs: Programs, place: Path
) -> None:
    check(programs, place, number)


@pytest.mark.slow
def test_processes_that_train_together_stop_and_continue_alike_and_answer_as_one(
    programs: Programs, place: Path
) -> None:
    check(programs, place, signal.SIGTERM, "--workers", "2")
    (place / "rows.luban").rename(place / "two.luban")
    finished(programs, place)
    one, two = luban.load(place / "rows.luban"), luban.load(place / "two.luban")
    rows = pl.read_csv(place / "iris.csv")
    apart = one.predict_proba(rows).to_numpy() - two.predict_proba(rows).to_numpy()
    assert np.abs(apart).max() < 1e-3
    assert two.stored.evidence["run"]["limits"]["workers"] == 2
    assert "workers" not in one.stored.evidence["run"]["limits"]
    assert any("2 processes" in line.get("how", "") for line in two.stored.history)
