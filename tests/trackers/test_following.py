"""A tracker is told every number of a history once, in few goes, and its failure changes nothing of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from luban.core import registry
from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.protocols import Point
from luban.training.work_folder import WorkFolder
from luban.verbs import tracking

LINES: list[dict[str, Any]] = [
    {"unit": "mlp", "choices": {"epochs": 2, "learning_rate": 0.01}, "reasons": {}},
    {"unit": "mlp", "step": 0, "loss": 0.7, "rate": 0.01, "gradient": 1.5, "layers": {"0": {"update": 0.1}}},
    {"unit": "mlp", "step": 1, "loss": None, "rate": 0.01, "gradient": 1.5, "layers": {}},
    {"unit": "mlp", "epoch": 0, "train_loss": 0.6},
    {"unit": "mlp", "cpu_seconds": 2.5, "failed": None},
    {"a line": "of nothing that is shown"},
]
NAMES = ["step/loss", "step/rate", "step/gradient", "layer/0/update", "step/rate", "step/gradient", "epoch/train_loss"]


class Recording:
    """A tracker that keeps what it is told. fails: from which call on it raises."""

    def __init__(self, fails: int = 99) -> None:
        self.told: list[list[Point]] = []
        self.described: list[tuple[str, Mapping[str, str]]] = []
        self.closed = 0
        self.fails = fails

    def open(self, run: str, where: str, beside: Path, known: dict[str, str]) -> Recording:
        known.setdefault("opened", run)
        return self

    def describe(self, part: str, values: Mapping[str, str], seconds: float) -> None:
        self.described.append((part, values))

    def add(self, points: Sequence[Point]) -> None:
        if len(self.told) >= self.fails:
            raise ConnectionError("the server is gone")
        self.told.append(list(points))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def folder(tmp_path: Path) -> WorkFolder:
    folder = WorkFolder(tmp_path / "rows.luban.run")
    folder.path.mkdir()
    return folder


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    recording = Recording()
    monkeypatch.setattr(tracking, "registry", SimpleNamespace(find=lambda family, name: recording))
    # Only the last look counts, so that nothing depends on time.
    monkeypatch.setattr(tracking, "EVERY", 3600.0)
    return recording


def follow(folder: WorkFolder, lines: Sequence[Mapping[str, Any]], console: Console = SILENT) -> None:
    with tracking.following(folder, "recording", folder.path.with_name("rows.luban"), console) as follower:
        assert follower is not None
        for line in lines:
            folder.tell(line)
        follower.measured([{"metric": "accuracy", "split": "test", "value": 0.9}])


def test_every_number_is_told_together_and_once(folder: WorkFolder, recording: Recording) -> None:
    follow(folder, LINES)
    first, last = recording.told
    assert [point.name for point in first] == [*NAMES, "cpu_seconds"]
    assert [point.step for point in first] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert first[0].value == 0.7
    assert recording.described == [("mlp", {"epochs": "2", "learning_rate": "0.01"})]
    assert [(point.part, point.name, point.value) for point in last] == [("bundle", "test/accuracy", 0.9)]
    assert recording.closed == 1


def test_a_run_that_continues_tells_only_what_is_new(folder: WorkFolder, recording: Recording) -> None:
    follow(folder, LINES[:2])
    follow(folder, LINES[3:4])
    assert [[point.name for point in points] for points in recording.told] == [
        NAMES[:4], ["test/accuracy"], ["epoch/train_loss"], ["test/accuracy"],
    ]  # fmt: skip


def test_a_line_that_is_not_yet_whole_waits(folder: WorkFolder, recording: Recording) -> None:
    with (folder.path / "history.jsonl").open("w") as file:
        file.write('{"unit": "mlp", "epoch": 0, "train_loss": 0.5}\n{"unit": "mlp", "ep')
    follow(folder, [])
    assert [point.value for point in recording.told[0]] == [0.5]
    with (folder.path / "history.jsonl").open("a") as file:
        file.write('och": 1, "train_loss": 0.25}\n')
    follow(folder, [])
    assert [point.value for point in recording.told[2]] == [0.25]


def test_a_tracker_that_fails_is_told_of_once_and_gets_the_lines_when_the_run_continues(
    folder: WorkFolder, recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    recording.fails = 0
    follow(folder, LINES, Console())
    said = capsys.readouterr().err
    assert said == "--track: ConnectionError: the server is gone; the run goes on without it\n"
    recording.fails = 99
    follow(folder, [])
    assert [point.name for point in recording.told[0]] == [*NAMES, "cpu_seconds"]


def test_without_the_option_nothing_is_followed(folder: WorkFolder) -> None:
    with tracking.following(folder, None, folder.path, SILENT) as follower:
        assert follower is None
    assert not list(folder.path.iterdir())


def test_an_unknown_tracker_and_a_server_without_a_name_are_refused(
    folder: WorkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for asked, message in (("tensorbord", "Did you mean 'tensorboard'"), ("mlflow", "no MLflow server is named")):
        with (
            pytest.raises(UsageError, match=message),
            tracking.following(folder, asked, folder.path.with_name("rows.luban"), SILENT),
        ):
            pass


def test_every_tracker_opens_and_is_named_after_its_file() -> None:
    assert set(registry.names("trackers")) == {"mlflow", "tensorboard"}
    for name in registry.names("trackers"):
        assert callable(registry.find("trackers", name).open)
