"""Processes whose weights must be equal and are not."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from conditions.trained import examine, parameter, perceptron, train
from luban.evidence.trace import Trace

NAME = "replica-drift"
PROGRAM = Path(__file__).with_name("drifting.py")


@pytest.mark.slow
def test_two_processes_that_average_no_gradients_are_found_and_those_that_do_are_not(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    commands = [[sys.executable, str(PROGRAM), str(tmp_path / "store"), number] for number in "01"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ExitStack() as running:
        started = [running.enter_context(subprocess.Popen(each, env=environment, **pipes)) for each in commands]
        for process in started:
            said, error = process.communicate(timeout=120)
            assert process.returncode == 0, error[-2000:]
            assert said.splitlines() == [NAME, ""]


@pytest.mark.parametrize("difference, fires", [(0.0, False), (0.9e-5, False), (1.1e-5, True)])
def test_the_threshold_is_a_hundred_thousandth(difference, fires):
    found = examine(NAME, Trace(parameters=(parameter(),), losses=[1.0] * 5, replicas=difference))
    assert [(one.severity, one.where.step) for one in found] == [("severe", 4)] * fires
    assert all("1.1e-05 of their size" in one.text for one in found)


def test_one_process_cannot_drift():
    assert "one trains" in dict(train(perceptron(), steps=6).not_run)[NAME]
