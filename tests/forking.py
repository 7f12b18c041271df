"""Forks of one process that has imported what is slow to import, and fitted nothing: see `forked` for what they become.

A worker takes two seconds of a core to import what it trains with, a program as long again, and hundreds of tests fit.
What a fork runs is what the process that it stands for runs: `python -m luban.training.worker`, `luban`, `python`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SERVER = Path(__file__).with_name("forked.py")


class Forked:
    """A fork: what `subprocess.Popen` has of a process that `luban.training.pool` and tests use."""

    def __init__(self, pid: int, status: BinaryIO, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None):
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._status = status
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its status once it has ended, negative where a signal ended it."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a fork", timeout or 0.0)
            self.returncode = int(self._status.read())
            self._status.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its status; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Nursery:
    """The process that is forked, started when the first fork is wanted.

    programs: whether it has imported what programs import beside what workers do. wishes: where it also reads the
    wishes of `typed`.
    """

    def __init__(self, *, programs: bool = False, wishes: Path | None = None) -> None:
        self._arguments = [*(["programs"] if programs else []), *([str(wishes)] if wishes is not None else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: tuple[BinaryIO, BinaryIO] | None = None

    @classmethod
    def of(cls, orders: BinaryIO, answers: BinaryIO) -> Nursery:
        """One that is there, by the ends of the pipes to it and from it."""
        found = cls()
        found._ends = orders, answers
        return found

    def open(self) -> tuple[BinaryIO, BinaryIO]:
        """Where orders are written and answers are read; it starts where it has not."""
        from luban.training.pool import environment

        if self._ends is None:
            command = [sys.executable, str(SERVER), *self._arguments]
            alone = environment(1)
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=alone)
            assert self._process.stdin is not None and self._process.stdout is not None
            self._ends = self._process.stdin, self._process.stdout
        return self._ends

    def start(self, arguments: Sequence[str], threads: int) -> Forked:
        """As `luban.training.pool.start`."""
        from luban.training.pool import environment

        (stdin, to_worker), (from_worker, stdout) = os.pipe(), os.pipe()
        ends = {name: f"/proc/{os.getpid()}/fd/{end}" for name, end in (("0", stdin), ("1", stdout), ("2", 2))}
        forked = self._fork("worker", arguments, Path.cwd(), environment(threads), ends)
        for end in (stdin, stdout):
            os.close(end)
        forked.stdin, forked.stdout = os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb")
        return forked

    def run(self, program: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Forked:
        """`luban` or `python` in a folder. What it prints is written to `<folder>.out` and `<folder>.err`."""
        out, err = folder.with_suffix(".out"), folder.with_suffix(".err")
        for place in (out, err):
            place.write_bytes(b"")
        ends = {"0": os.devnull, "1": str(out), "2": str(err)}
        return self._fork(program, arguments, folder, {**os.environ, **environment}, ends)

    def _fork(
        self,
        program: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        ends: Mapping[str, str],
    ) -> Forked:
        orders, answers = self.open()
        ended, status = os.pipe()
        wanted = {
            "program": program,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
            "ends": {**ends, "status": f"/proc/{os.getpid()}/fd/{status}"},
        }
        orders.write(json.dumps(wanted).encode() + b"\n")
        orders.flush()
        pid = int(answers.readline())
        os.close(status)
        return Forked(pid, os.fdopen(ended, "rb"))

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


@dataclass(frozen=True)
class Programs:
    """`luban` and `python` as forks. environment: what a shell must know to find them by their names."""

    nursery: Nursery
    environment: dict[str, str]

    @classmethod
    def within(cls, folder: Path) -> Programs:
        """They are written into the folder."""
        os.mkfifo(folder / "wishes")
        script = Path(__file__).with_name("typed.py").read_text(encoding="utf-8")
        for name in ("luban", "python"):
            (folder / name).write_text(f"#!{sys.executable} -IS\n{script}", encoding="utf-8")
            (folder / name).chmod(0o755)
        environment = {"LUBAN_FORKS": str(folder / "wishes"), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        nursery = Nursery(programs=True, wishes=folder / "wishes")
        nursery.open()
        return cls(nursery, environment)
