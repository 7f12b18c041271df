"""`--track`: the history of a run, told to a tracker while it grows.

A thread of the main process reads new lines every few seconds and hands them over together. The processes that train
know nothing of it. A tracker that fails is told of, once, and the run goes on without.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from luban.core import files, registry
from luban.core.console import Console
from luban.protocols import Point, Tracker, Tracking
from luban.training.work_folder import TRACKED, WorkFolder

EVERY = 2.0
"""Seconds between two looks at the history."""
BUNDLE = "bundle"
"""The part that has the measurements of the bundle."""
OF_STEPS, OF_EPOCHS = ("loss", "rate", "gradient"), ("train_loss", "stopping_loss")


def named(asked: str) -> tuple[str, str]:
    """The name of a tracker and where it is, of `NAME` or `NAME=WHERE`.

    >>> named("mlflow=http://127.0.0.1:5000"), named("tensorboard")
    (('mlflow', 'http://127.0.0.1:5000'), ('tensorboard', ''))
    """
    name, _, where = asked.partition("=")
    return name.strip(), where.strip()


@contextmanager
def following(folder: WorkFolder, asked: str | None, place: Path, console: Console) -> Iterator[Follower | None]:
    """While it is held the history of the run goes to the tracker that was asked for; None where none was.

    place: of the bundle. Raises UsageError for a tracker that is not known, not installed or does not answer.
    """
    if asked is None:
        yield None
        return
    name, where = named(asked)
    tracker: Tracker = registry.find("trackers", name)
    kept = _Kept(folder.path / TRACKED, name)
    opened = tracker.open(place.name.removesuffix(".luban"), where, place, kept.known)
    follower = Follower(folder, kept, opened, console)
    follower.start()
    try:
        yield follower
    finally:
        follower.end()


@final
class _Kept:
    """How far a tracker was told, and what it needs to go on, as a file. known: names of its own by part."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        found = files.read_json(path) if path.exists() else {}
        own = found.get(name, {"offset": 0, "known": {}})
        self.offset: int = own["offset"]
        self.known: dict[str, str] = own["known"]
        self._all = {**found, name: own}

    def write(self) -> None:
        self._all[self._name] = {"offset": self.offset, "known": self.known}
        files.write_json(self._path, self._all)


@final
class Follower:
    """Reads a history as it grows, and tells a tracker. Final."""

    def __init__(self, folder: WorkFolder, kept: _Kept, tracking: Tracking, console: Console) -> None:
        self._history = folder.path / "history.jsonl"
        self._kept, self._tracking, self._console = kept, tracking, console
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._failed = False

    def start(self) -> None:
        self._thread.start()

    def measured(self, measurements: Sequence[Mapping[str, Any]]) -> None:
        """Tells the measurements of the bundle, after all lines."""
        self._end_thread()
        now = time.time()
        told = {f"{each['split']}/{each['metric']}": each["value"] for each in measurements}
        self._tell([Point(BUNDLE, name, float(value), 0, now) for name, value in told.items() if _finite(value)])

    def end(self) -> None:
        self._end_thread()
        try:
            self._tracking.close()
        # A tracker is another's program; whatever ends it must not end the run.
        except Exception as error:  # noqa: BLE001
            self._give_up(error)

    def _end_thread(self) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(EVERY):
            self._look()
        self._look()

    def _look(self) -> None:
        if self._failed or not self._history.exists():
            return
        with self._history.open("rb") as file:
            file.seek(self._kept.offset)
            new = file.read()
        # The last line may still be being written.
        whole = new[: new.rfind(b"\n") + 1]
        if not whole:
            return
        lines, now = [json.loads(line) for line in whole.splitlines()], time.time()
        numbers = [point for line in lines for point in points(line, now)]
        self._tell(numbers, [line for line in lines if "choices" in line])
        if not self._failed:
            self._kept.offset += len(whole)
            self._kept.write()

    def _tell(self, told: Sequence[Point], described: Sequence[Mapping[str, Any]] = ()) -> None:
        if self._failed:
            return
        try:
            for line in described:
                choices = {name: str(value) for name, value in line["choices"].items()}
                self._tracking.describe(line["unit"], choices, time.time())
            self._tracking.add(told)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self._console.say(f"--track: {type(error).__name__}: {str(error)[:200]}; the run goes on without it")


def points(line: Mapping[str, Any], seconds: float) -> Iterator[Point]:
    """The numbers of a line of the history.

    >>> [(point.name, point.step) for point in points({"unit": "mlp", "epoch": 3, "train_loss": 0.5}, 0.0)]
    [('epoch/train_loss', 3)]
    """
    part = line.get("unit")
    if part is None:
        return
    found: dict[str, Any] = {}
    step = 0
    if "step" in line:
        step = line["step"]
        found |= {f"step/{name}": line.get(name) for name in OF_STEPS}
        for layer, signals in line.get("layers", {}).items():
            found |= {f"layer/{layer}/{name}": value for name, value in signals.items()}
    elif "train_loss" in line:
        step = line["epoch"]
        found |= {f"epoch/{name}": line.get(name) for name in OF_EPOCHS}
    elif "cpu_seconds" in line:
        found["cpu_seconds"] = line["cpu_seconds"]
    yield from (Point(part, name, float(value), step, seconds) for name, value in found.items() if _finite(value))


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
