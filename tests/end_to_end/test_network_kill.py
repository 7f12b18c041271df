"""Killed at any moment and started again, the training of a network ends with the weights of an uninterrupted one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from end_to_end.killing import NETWORKS
from forking import Programs

PROGRAM = Path(__file__).with_name("killing.py")


def kill(programs: Programs, name: str, kills: int, folder: Path) -> None:
    arguments = [str(PROGRAM), name, str(kills), "3", str(folder)]
    process = programs.nursery.run("python", arguments, folder, {"OMP_NUM_THREADS": "1"})
    assert process.wait() == 0, folder.with_suffix(".err").read_text()[-2000:]
    told = json.loads(folder.with_suffix(".out").read_bytes())
    assert told["killed"] == kills
    assert len(told["results"]) == 1, f"{kills} kills ended with {len(told['results'])} different networks"


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_five_kills_change_no_bit_of_the_weights(programs: Programs, name: str, tmp_path: Path) -> None:
    kill(programs, name, 5, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", NETWORKS)
def test_twenty_five_kills_change_no_bit_of_the_weights(programs: Programs, name: str, tmp_path: Path) -> None:
    kill(programs, name, 25, tmp_path)
