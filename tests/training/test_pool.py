"""The pool: units are fitted by other processes, failures and deaths are written down, and the time ends all."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luban.core.deadline import Deadline
from luban.core.errors import StorageError
from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training import pool as module
from luban.training.pool import Pool, start
from luban.training.unit import WHOLE, Unit
from luban.training.work_folder import WorkFolder

ROWS = 40
CONSTANT = Candidate(model="constant")
UNITS = [Unit(CONSTANT, part) for part in (0, 1, WHOLE)]


@pytest.fixture(autouse=True)
def _started_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of these tests are no forks."""
    monkeypatch.setattr(module, "start", start)


@pytest.fixture
def folder(tmp_path: Path) -> WorkFolder:
    """A folder with forty encoded rows of two classes."""
    made = WorkFolder(tmp_path / "x.run")
    made.claim({"recipe": "r"})
    inputs = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    place = made.encoded("main")
    place.mkdir(parents=True)
    np.save(place / "inputs.npy", inputs)
    made.write_training(
        "main",
        target=np.arange(ROWS) % 2,
        weight=None,
        folds=np.array([np.arange(ROWS) // 2 % 2]),
        work=Work("binary", outputs=2, rows=ROWS, width=2),
    )
    return made


def run(folder: WorkFolder, units: list[Unit], until: Deadline = Deadline.NEVER, act: Any = None) -> list[str]:
    """The names of the units in the order in which they ended."""
    ended: list[str] = []
    with Pool(folder, "main", seed=0, workers=1, threads=1) as pool:
        if act is not None:
            act(pool)
        pool.run(units, until, lambda unit, seconds: ended.append(unit.name))
    return ended


@pytest.mark.slow
def test_units_are_fitted_in_their_order_and_once(folder: WorkFolder) -> None:
    assert run(folder, UNITS) == [unit.name for unit in UNITS]
    assert folder.outputs(UNITS[0]).shape == (ROWS // 2, 2)
    assert folder.form(UNITS[2]).output_width == 2
    assert run(folder, UNITS) == [], "what is finished is not run again"


@pytest.mark.slow
def test_a_model_that_fails_is_written_down_and_the_next_is_fitted(folder: WorkFolder) -> None:
    broken = Unit(Candidate(model="no-such-model"), 0)
    assert run(folder, [broken, UNITS[0]]) == [broken.name, UNITS[0].name]
    assert "no-such-model" in str(folder.failure(broken))
    assert folder.failure(UNITS[0]) is None


@pytest.mark.slow
def test_a_worker_that_dies_costs_one_unit(folder: WorkFolder) -> None:
    def end_it(pool: Pool) -> None:
        os.kill(pool._workers[0].pid, signal.SIGKILL)

    assert run(folder, UNITS[:2], act=end_it) == [unit.name for unit in UNITS[:2]]
    assert "memory" in str(folder.failure(UNITS[0])), "the system's memory killer sends the same signal"
    assert folder.failure(UNITS[1]) is None


@pytest.mark.slow
def test_a_result_that_cannot_be_kept_ends_the_run_and_is_no_fault_of_the_model(folder: WorkFolder) -> None:
    def allow_no_large_file(pool: Pool) -> None:
        resource.prlimit(pool._workers[0].pid, resource.RLIMIT_FSIZE, (16, 16))

    with pytest.raises(StorageError, match="may not be so large") as raised:
        run(folder, UNITS, act=allow_no_large_file)
    assert raised.value.exit_code == 7
    assert str(folder.path) in str(raised.value.where) and "ulimit -f" in str(raised.value.fix)
    assert folder.failure(UNITS[0]) is None and not folder.finished(UNITS[0])
    assert run(folder, UNITS) == [unit.name for unit in UNITS], "the same command goes on once there is room"


@pytest.mark.slow
def test_when_the_time_is_over_work_ends_and_no_process_is_left(folder: WorkFolder) -> None:
    pids: list[int] = []
    over = Deadline.after(0.0, started=time.monotonic())
    assert run(folder, UNITS, until=over, act=lambda pool: pids.extend(w.pid for w in pool._workers)) == []
    assert not any(folder.finished(unit) for unit in UNITS)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_workers_that_rest_are_no_more_and_others_take_their_place(folder: WorkFolder) -> None:
    pids: list[int] = []

    def rested(pool: Pool) -> None:
        pids.append(pool._workers[0].pid)
        pool.rest()
        pool.rest()
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)

    assert run(folder, UNITS[:1], act=rested) == [UNITS[0].name]


def test_a_worker_keeps_few_products_prepared_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LRU_CACHE_CAPACITY", raising=False)
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    found = module.environment(3)
    assert (found["LRU_CACHE_CAPACITY"], found["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) == ("64", "7")
    assert {found[name] for name in module.THREAD_VARIABLES} == {"3"}
