"""Killed at any moment and started again, the training of a network ends with the weights of an uninterrupted one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.killing import NETWORKS

PROGRAM = Path(__file__).with_name("killing.py")


def kill(name: str, kills: int, folder: Path) -> None:
    command = [sys.executable, str(PROGRAM), name, str(kills), "3", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["killed"] == kills
    assert len(told["results"]) == 1, f"{kills} kills ended with {len(told['results'])} different networks"


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_five_kills_change_no_bit_of_the_weights(name, tmp_path):
    kill(name, 5, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", NETWORKS)
def test_twenty_five_kills_change_no_bit_of_the_weights(name, tmp_path):
    kill(name, 25, tmp_path)
