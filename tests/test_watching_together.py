"""Watching one of several processes that train together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "watched_together.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    "drift, watched, replicas",
    [(0.0, "all", [0.0, 0.0]), (0.1, "all", [1.0, 1.0]), (0.1, "first", [None])],
)
def test_processes_are_compared_where_all_are_watched_and_never_waited_for_without_end(
    drift: float, watched: str, replicas: list[float | None], tmp_path: Path
) -> None:
    arguments = [(str(tmp_path / "store"), str(rank), str(drift), watched) for rank in (0, 1)]
    processes = [
        subprocess.Popen([sys.executable, str(SCRIPT), *each], stdout=subprocess.PIPE, text=True) for each in arguments
    ]
    try:
        told = [process.communicate(timeout=90)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0]
    seen = [json.loads(line) for line in told if line.strip()]
    assert [one["found"] for one in seen] == [watched == "all" and drift > 0] * len(seen)
    for one, wanted in zip(seen, replicas, strict=True):
        assert one["replicas"] == wanted if not wanted else one["replicas"] > 0.01
