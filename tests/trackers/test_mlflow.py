"""A run that is told to an MLflow server on this machine is read back by MLflow's client."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import luban
from luban.core.errors import UsageError
from luban.trackers.mlflow import QUIET, tracker

pytest.importorskip("mlflow", reason="trackers need the extra 'track'")

STARTS = 120.0
"""Seconds that the server may take to start."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that keeps its runs in sqlite."""
    if importlib.util.find_spec("flask") is None or importlib.util.find_spec("sqlalchemy") is None:
        pytest.skip("the server of MLflow is not installed")
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    store = ["--backend-store-uri", f"sqlite:///{tmp_path}/runs.db", "--artifacts-destination", str(tmp_path / "files")]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [*command, *store], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ),
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(int(STARTS / 0.5)):
            if answers(address):
                break
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError("the server ended at once")
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@pytest.mark.slow
def test_a_run_is_read_back_from_the_server(server: str, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    bundle = luban.fit(
        "sample:iris", "species", model="mlp", out=tmp_path / "iris.luban", track=f"mlflow={server}", threads=1,
        set={"train.epochs": 2, "split.folds": 2, "train.repeats": 1, "train.learning_rate": 0.01},
    )  # fmt: skip
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("iris")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert all(run.info.status == "FINISHED" for run in runs.values())
    units = [line for line in bundle.stored.history if "train_loss" in line]
    assert {line["unit"] for line in units} <= runs.keys()
    for line in units:
        told = client.get_metric_history(runs[line["unit"]].info.run_id, "epoch/train_loss")
        assert [metric.value for metric in told if metric.step == line["epoch"]] == [line["train_loss"]]
    choices = next(line for line in bundle.stored.history if "choices" in line)
    assert runs[choices["unit"]].data.params["batch_size"] == str(choices["choices"]["batch_size"])
    accuracy = next(each for each in bundle.measurements if each.metric == "accuracy" and each.split == "test")
    assert runs["bundle"].data.metrics["test/accuracy"] == pytest.approx(accuracy.value)


def test_a_server_that_is_not_there_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UsageError, match="does not answer as one"):
        tracker.open("rows", f"http://127.0.0.1:{free_port()}", tmp_path / "rows.luban", {})
