"""The benchmark of the conditions of answers, cut short, on seeds that thresholds were chosen on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    """The figures by their names; one run."""
    command = [sys.executable, str(ROOT / "benchmarks" / "answers.py"), "--quick", "--seed", "1000", "--json"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=one_thread)
    return {figure["name"]: figure for figure in json.loads(done.stdout.splitlines()[-1])["figures"]}


@pytest.mark.slow
def test_most_faults_are_named_and_sound_fits_are_left_alone(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["alarm-recall"]["value"] >= 0.8
    assert figures["false-alarms"]["value"] <= 0.2
    assert figures["named-collinear-features"]["value"] == 1.0


@pytest.mark.slow
def test_no_edit_makes_test_rows_worse_and_sound_fits_keep_their_recipe(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["regressions-accepted"]["value"] == 0.0
    assert figures["healthy-touched"]["value"] == 0.0
