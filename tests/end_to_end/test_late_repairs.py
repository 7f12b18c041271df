"""A training that goes wrong late goes back, by the program itself: killed on the way, and among two processes."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import luban
from forking import Forked, Programs
from luban.training.networks_folder import FOLLOWED

pytest.importorskip("torch", reason="networks need the extra 'nets'")

# 20 epochs of 30 steps; the rate of step 350 ends in a loss that is not finite.
FROM = 350
FIT = (
    "fit", "sample:digits", "--target", "digit", "--model", "mlp", "--out", "rows.luban", "--json", "--threads", "1",
    "--set", "train.epochs=20", "--set", "train.optimizer=sgd", "--set", "train.learning_rate=0.05",
    "--set", "train.batch_size=32", "--set", "train.stopping=0", "--set", "train.precision=float32",
    "--set", f"train.later=[{{step: {FROM}, learning_rate: 1.0e+12}}]", "--set", "train.clip=null",
    "--set", "split.folds=2",
)  # fmt: skip


def start(programs: Programs, folder: Path, *arguments: str) -> Forked:
    folder.mkdir(exist_ok=True)
    return programs.nursery.run("luban", [*FIT, *arguments], folder, {"OMP_NUM_THREADS": "1"})


def finished(programs: Programs, folder: Path, *arguments: str) -> dict[str, Any]:
    process = start(programs, folder, *arguments)
    ended, said = process.wait(), folder.with_suffix(".out").read_text()
    # With --json what went wrong is told there.
    assert ended == 0, said[-2000:] + folder.with_suffix(".err").read_text()[-2000:]
    return dict(json.loads(said))


def repaired(folder: Path) -> dict[str, Any]:
    """The repair of the run in this folder that was taken."""
    bundle = luban.load(folder / "rows.luban")
    repairs = json.loads((bundle.path / "evidence" / "repairs.json").read_text())["repairs"]
    (repair,) = [each for each in repairs if each["accepted"]]
    assert repair["condition"] == "nonfinite-training"
    (network,) = bundle.recipe.model.candidates
    changed = network.train["later"]
    assert changed[0]["step"] < FROM and all(change.get("learning_rate", 0.0) < 1e12 for change in changed)
    accuracy = next(each for each in bundle.measurements if each.metric == "accuracy" and each.split == "test")
    assert accuracy.value > 0.9
    return dict(repair)


def killed(programs: Programs, folder: Path) -> None:
    """A run that is killed as soon as the repair is decided."""
    process = start(programs, folder)
    networks = folder / "rows.luban.run" / "networks"
    while process.poll() is None and not list(networks.rglob(FOLLOWED)):
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was killed before its end"


@pytest.mark.slow
def test_a_late_repair_that_was_killed_gives_the_bundle_that_its_recipe_gives(
    programs: Programs, tmp_path: Path
) -> None:
    killed(programs, tmp_path)
    whole = finished(programs, tmp_path)
    assert whole["resumed"] is True
    assert repaired(tmp_path)["effect"]["low"] > 0
    recipe, out = tmp_path / "rows.luban" / "recipe.yaml", tmp_path / "recipe.luban"
    assert luban.fit("sample:digits", "digit", recipe=recipe, out=out).content_sha256 == whole["content_sha256"]


@pytest.mark.slow
def test_processes_that_train_together_repair_late(programs: Programs, tmp_path: Path) -> None:
    # One training is enough: each part starts two processes.
    finished(programs, tmp_path, "--validation", "sample:digits", "--workers", "2")
    repaired(tmp_path)
    history = luban.load(tmp_path / "rows.luban").stored.history
    assert any("2 processes" in line.get("how", "") for line in history)
