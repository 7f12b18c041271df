"""The benchmark of the doctor, cut short, on the programs that thresholds were chosen on: what is exact stays exact."""

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
    command = [sys.executable, str(ROOT / "benchmarks" / "doctor.py"), "--quick", "--seed", "1000", "--json"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=one_thread)
    return {figure["name"]: figure for figure in json.loads(done.stdout.splitlines()[-1])["figures"]}


@pytest.mark.slow
def test_faults_that_are_wrong_by_construction_are_all_named(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["own-program-named"]["value"] == 1.0
    assert figures["alarm-recall"]["value"] == 1.0
    assert figures["named-first"]["value"] >= 0.95


@pytest.mark.slow
def test_healthy_programs_are_left_alone(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["false-alarms"]["value"] == 0.0
    assert figures["precision"]["value"] >= 0.95


@pytest.mark.slow
def test_rules_of_other_tools_read_the_same_runs(figures: dict[str, dict[str, Any]]) -> None:
    """So that a figure is about faults and healthy programs, and neither side is silent by a broken log."""
    for tool in ("autotrainer", "deepdiagnosis", "sagemaker", "umlaut"):
        assert 0.0 < figures[f"{tool}-recall"]["value"] <= 1.0
    assert figures["autotrainer-recall"]["value"] < figures["alarm-recall"]["value"]
