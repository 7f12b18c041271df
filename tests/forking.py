"""Workers of the fits within a test: forks of one process that has imported what workers import and fitted nothing.

A worker takes two seconds of a core to import what it trains with, and hundreds of tests fit. What a fork runs is what
`python -m luban.training.worker` runs. Programs that tests start, such as the commands of the documentation, start
their workers as they do everywhere.

    python forking.py      serves: a line of stdin for each worker that is wanted, a line with its id as the answer
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

ENDS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY | os.O_APPEND, "status": os.O_WRONLY}
"""What a worker opens of whoever wants it, and how; its status is written when it has ended."""


class Forked:
    """A worker: what `subprocess.Popen` has of one that `luban.training.pool` uses."""

    def __init__(self, pid: int, stdin: BinaryIO, stdout: BinaryIO, status: BinaryIO) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._status = status
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its status once it has ended, negative where a signal ended it."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("luban.training.worker", timeout or 0.0)
            self.returncode = int(self._status.read())
            self._status.close()
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Nursery:
    """The process that is forked, started when the first worker is wanted."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str], threads: int) -> Forked:
        """As `luban.training.pool.start`."""
        from luban.training.pool import THREAD_VARIABLES

        if self._process is None:
            alone = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=alone
            )
        (stdin, to_worker), (from_worker, stdout), (ended, status) = os.pipe(), os.pipe(), os.pipe()
        given = stdin, stdout, 2, status
        wanted = {
            "arguments": list(arguments),
            "environment": {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))},
            "folder": os.getcwd(),
            "ends": {name: f"/proc/{os.getpid()}/fd/{end}" for name, end in zip(ENDS, given, strict=True)},
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        for end in (stdin, stdout, status):
            os.close(end)
        return Forked(pid, os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb"), os.fdopen(ended, "rb"))

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


def serve() -> None:
    """Forks a worker for each line of stdin, until it ends."""
    import torch

    from luban.core.process import end_with_parent
    from luban.training import fitting, worker

    del torch
    end_with_parent()
    fitting.warm_up()
    ended: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([0, *ended], [], [])[0]:
            if ready != 0:
                pid, status = ended.pop(ready)
                os.write(status, str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                os.close(status)
                os.close(ready)
                continue
            line = _line()
            if not line:
                return
            wanted = json.loads(line)
            ends = {name: os.open(wanted["ends"][name], how) for name, how in ENDS.items()}
            pid = os.fork()
            if pid == 0:
                _become(worker, wanted, ends)
            for name in ("stdin", "stdout", "stderr"):
                os.close(ends[name])
            ended[os.pidfd_open(pid)] = (pid, ends["status"])
            os.write(1, f"{pid}\n".encode())


def _line() -> bytes:
    """The next line of stdin; empty at its end. Nothing after it is read: a fork must not inherit it."""
    read = b""
    while not read.endswith(b"\n"):
        more = os.read(0, 1 << 16)
        if not more:
            return b""
        read += more
    return read


def _become(worker: Any, wanted: dict[str, Any], ends: dict[str, int]) -> None:
    """Runs the worker in this fork, and ends it."""
    code = 1
    try:
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            os.dup2(ends[name], number)
        os.closerange(3, 1 + max(ends.values()))
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.chdir(wanted["folder"])
        worker.main(*wanted["arguments"])
        code = 0
    # Whatever it was, this process must not go on as the one that is forked.
    except Exception:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve()
