"""Limits: the rows that fit into memory and time, and memory that is too little for the rows."""

from __future__ import annotations

import pytest

from luban.core.errors import ResourceError, UsageError
from luban.training import limits as module
from luban.training.limits import limits


def test_more_memory_takes_more_rows_and_wider_rows_fewer() -> None:
    by_memory = [limits(memory=size, threads=1).rows(20)[0] for size in ("600M", "1G", "2G", "8G")]
    assert by_memory == sorted(by_memory)
    assert len(set(by_memory)) == 4
    assert limits(memory="1G").rows(2_000)[0] < limits(memory="1G").rows(20)[0]


def test_the_rows_that_are_taken_fit() -> None:
    allowed = limits(memory="2G")
    rows, reason = allowed.rows(50)
    used = rows * (module.COPIES * 4 * 50 + module.ROW)
    assert used <= allowed.memory - module.LIBRARIES - module.MAIN
    assert reason == "--memory 2.0 GB (as asked)"


def test_the_tighter_limit_is_named() -> None:
    assert limits("10s", "8G").rows(100) == (10 * module.CELLS_PER_SECOND // 100, "--time 10s")
    assert limits("1h", "1G").rows(100)[1].startswith("--memory")


def test_however_little_is_allowed_some_rows_train() -> None:
    assert limits("1s", "1M").rows(1_000_000)[0] == 1000


def test_memory_that_cannot_hold_the_rows_is_refused_with_what_is_needed() -> None:
    with pytest.raises(ResourceError, match=r"10,000,000 rows need about 1\.2 GB, and 600\.0 MB was allowed") as raised:
        limits(memory="600M").check(10_000_000)
    assert raised.value.exit_code == 7
    needed = str(raised.value.fix).split()[1].rstrip(",")
    limits(memory=needed).check(10_000_000)


def test_memory_that_nobody_asked_for_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_free_memory", lambda: (100 << 20, "half of what is free"))
    free = limits()
    free.check(10_000_000)
    assert (free.memory, free.memory_reason) == (100 << 20, "half of what is free")
    with pytest.raises(ResourceError, match="and 100\\.0 MB was allowed"):
        limits(memory=free.memory).check(10_000_000)


@pytest.mark.parametrize(
    ("told", "cores", "threads"), [("2", 8, 2), ("3,1", 8, 3), ("9", 8, 8), ("0", 8, 8), ("many", 8, 8), ("", 8, 8)]
)
def test_threads_are_as_many_as_cores_and_no_more_than_openmp_is_told(
    told: str, cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(cores)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert limits().threads == threads
    assert limits().threads_reason == (
        f"OMP_NUM_THREADS is {threads}" if threads < cores else f"this process may use {cores} cores"
    )
    assert limits(threads=5).threads == 5, "what is asked for counts"


@pytest.mark.parametrize("asked", [{"time": "0"}, {"time": "soon"}, {"memory": "4Q"}, {"memory": "0"}, {"threads": 0}])
def test_what_is_no_limit_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        limits(**asked)  # type: ignore[arg-type]


def test_what_is_needed_is_told_to_be_more_than_what_is_allowed() -> None:
    with pytest.raises(ResourceError, match=r"60 rows need about 501\.0 MB, and 500\.0 MB was allowed"):
        limits(memory="500M").check(60)
