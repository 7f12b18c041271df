"""Two processes on this machine train as one does, and the death of one of them changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luban.core.errors import ResourceError, TrainingError, UsageError
from luban.recipe.recipe import Train
from luban.training import nodes, sharding
from luban.training.distributed import ALONE, Team
from luban.training.launching import Launched
from luban.training.together import Outcome

pytest.importorskip("torch", reason="networks need the extra 'nets'")

SCRIPT = Path(__file__).parent / "trained_together.py"
ALIKE = ("plain", "accumulated", "momentum", "stopping", "weighed", "tiny-batches", "sharded")
NORMED = ("normed-1", "normed-2", "normed-3")
CLOSE = 1e-4


def environment() -> dict[str, str]:
    return Launched("", "", 0, 1, 2)._environment()


def launch(out: Path, *cases: str) -> subprocess.CompletedProcess[str]:
    how = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2", "--max-restarts", "1"]
    command = [sys.executable, "-m", "torch.distributed.run", *how, str(SCRIPT), str(out), *cases]
    return subprocess.run(command, capture_output=True, text=True, env=environment())


def alone(out: Path, *cases: str) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(out), *cases], check=True, env=environment())


def read(out: Path, case: str, who: str) -> dict[str, Any]:
    return dict(json.loads((out / f"{case}-{who}.json").read_text()))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process and two make of each case."""
    folder = tmp_path_factory.mktemp("together")
    alone(folder, *ALIKE, *NORMED)
    done = launch(folder, *ALIKE, *NORMED)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", ALIKE)
def test_two_processes_have_the_losses_and_weights_of_one(case: str, out: Path) -> None:
    one, two = read(out, case, "alone"), read(out, case, "0")
    assert len(one["epochs"]) == len(two["epochs"]) == 4
    assert np.allclose(one["epochs"], two["epochs"], rtol=0, atol=CLOSE)
    assert np.allclose(one["stopping"], two["stopping"], rtol=0, atol=CLOSE)
    if case != "sharded":
        shared = dict(one["steps"]).keys() & dict(two["steps"]).keys()
        assert len(shared) >= 10
        assert all(abs(dict(one["steps"])[s] - dict(two["steps"])[s]) < CLOSE for s in shared)
    for name, values in one["weights"].items():
        assert np.allclose(values, two["weights"][name], rtol=0, atol=1e-3), name


@pytest.mark.slow
@pytest.mark.parametrize("case", [*ALIKE, *NORMED])
def test_all_processes_end_with_the_same_weights(case: str, out: Path) -> None:
    assert read(out, case, "0")["digest"] == read(out, case, "1")["digest"]


@pytest.mark.slow
def test_two_processes_score_as_one_where_batches_are_normalised_and_units_drop_out(out: Path) -> None:
    # Each process normalises by its share of a batch and drops its own units, so weights differ and scores should not.
    one, two = ([float(read(out, case, who)["score"]) for case in NORMED] for who in ("alone", "0"))
    error = np.sqrt((np.var(one, ddof=1) + np.var(two, ddof=1)) / len(NORMED))
    assert abs(np.mean(one) - np.mean(two)) < 2 * error
    # By chance the loss is log 10 = 2.3: what is alike has learned, and the seeds differ by little.
    assert max(*one, *two) < 0.8 and error < 0.05


@pytest.mark.slow
def test_a_history_says_how_processes_share_the_work(out: Path) -> None:
    assert "share of each batch; each holds all weights: weights, gradients" in read(out, "plain", "0")["how"][0]
    assert "each holds a part of the weights, as asked" in read(out, "sharded", "0")["how"][0]
    assert read(out, "plain", "alone")["how"] == []


@pytest.mark.slow
@pytest.mark.parametrize("case", ["killed", "killed-sharded"])
def test_a_killed_process_is_started_again_and_the_weights_are_those_without_the_kill(
    case: str, tmp_path: Path
) -> None:
    done = launch(tmp_path, case)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / f"{case}-was-killed").exists()
    killed = read(tmp_path, case, "0")
    assert killed["continues"] and killed["continues"][0] > 0, "it went on from a checkpoint"
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / f"{case}-was-killed").touch()
    assert launch(tmp_path / "again", case).returncode == 0
    whole = read(tmp_path / "again", case, "0")
    assert whole["continues"] == []
    assert len(whole["epochs"]) == 4
    assert killed["epochs"] == whole["epochs"][-len(killed["epochs"]) :]
    assert killed["digest"] == whole["digest"] == read(tmp_path, case, "1")["digest"]


# Shares


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 16])
def test_each_row_of_a_batch_counts_in_one_process(size: int, rows: int) -> None:
    numbers = np.arange(10, 10 + rows)
    counted: list[int] = []
    for rank in range(size):
        own, counts = Team(rank, size).share(numbers)
        assert len(own) >= min(2, rows), "batch normalisation takes no single row"
        assert len(set(own.tolist())) == len(own)
        counted += own[np.ones(len(own), bool) if counts is None else counts > 0].tolist()
    assert sorted(counted) == numbers.tolist()


def test_one_process_takes_every_row_and_sends_nothing() -> None:
    rows = np.array([4, 2, 9])
    own, counts = ALONE.share(rows)
    assert own.tolist() == [4, 2, 9] and counts is None
    assert ALONE.totals(1.5, True) == (1.5, True)
    assert ALONE.agreed(True) and not ALONE.agreed(False)


# Weights that do not fit


def test_weights_are_shared_out_where_they_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    module = torch.nn.Linear(999, 1000)
    # 1,000,000 numbers of 4 bytes: weights, gradients, the best so far, and two states of AdamW.
    assert sharding.memory_of(module, Train()) == 20_000_000
    assert sharding.memory_of(module, Train(optimizer="sgd")) == 16_000_000
    monkeypatch.setattr(sharding, "_room", lambda device: (30e6, "of the machine"))
    assert sharding.needed(module, Train(), "cuda", 2) == (False, sharding.needed(module, Train(), "cuda", 2)[1])
    needed, reason = sharding.needed(module, Train(), "cpu", 2)
    assert needed and "0.04 of 0.03 GB of the machine" in reason
    assert not sharding.needed(module, Train(shard="never"), "cpu", 2)[0]
    assert sharding.needed(module, Train(shard="always"), "cpu", 1)[0]
    kept, reason = sharding.needed(module, Train(ema=0.9), "cpu", 2)
    assert not kept and "moving average" in reason
    with pytest.raises(UsageError, match="moving average"):
        sharding.needed(module, Train(ema=0.9, shard="always"), "cpu", 2)


# What comes of it


def test_an_outcome_tells_what_the_processes_raised(tmp_path: Path) -> None:
    outcome = Outcome(tmp_path / "together")
    outcome.clear()
    outcome.failed(ResourceError("the disk is full.", where="here", fix="free some space"))
    outcome.failed(TrainingError("its neighbour is gone."))
    with pytest.raises(ResourceError, match="here: the disk is full") as raised:
        outcome.result()
    assert raised.value.fix == "free some space"
    outcome.clear()
    outcome.died(MemoryError("no more"))
    outcome.died(RuntimeError("connection closed by peer"))
    with pytest.raises(TrainingError, match="ended too often: MemoryError: no more"):
        outcome.result()


def test_the_printed_commands_are_those_of_the_run_without_its_options_for_machines() -> None:
    lines = nodes.commands(3, 2, ["my rows.csv", "--nodes", "3", "--target", "y", "--workers=2"])
    assert len(lines) == 3
    assert all(line.startswith("torchrun --nnodes 3 --nproc-per-node 2 ") for line in lines)
    assert all(line.endswith("-m luban fit 'my rows.csv' --target y") for line in lines)


def test_a_process_that_no_launcher_started_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert nodes.place() is None
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert nodes.place() is None, "other launchers set it too"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "luban")
    monkeypatch.setenv("RANK", "3")
    assert nodes.place() == nodes.Place(3, 4)
