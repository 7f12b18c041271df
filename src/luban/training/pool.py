"""Worker processes: started early, given units one at a time, ended at once when the time is over."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, final

from luban.core.deadline import Deadline
from luban.core.errors import StorageError, TrainingError
from luban.training.unit import Ask, Unit
from luban.training.work_folder import WorkFolder

Done = Callable[[Unit, float], None]
"""`done(unit, cpu_seconds)` is called as each unit ends."""
Seconds = Callable[[Unit, Iterable[Unit]], float | None]
"""`seconds(unit, waiting)`: how much time a unit may plan for, given those that wait; None for any."""
GRACE = 10.0
"""Seconds that a worker has to keep what it has when the run is interrupted."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
"""What tells libraries how many threads to start."""
KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128", "LRU_CACHE_CAPACITY": "64"}
"""How many products in bfloat16 are kept prepared, one for each shape, unless the environment says otherwise. Batches
of texts are hardly ever alike, and a thousand products, which is usual, take more than a gigabyte.
"""


def start(arguments: Sequence[str], threads: int) -> subprocess.Popen[bytes]:
    """A worker, which reads units from its stdin. arguments: of `luban.training.worker`."""
    command = [sys.executable, "-m", "luban.training.worker", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(threads))


def environment(threads: int) -> dict[str, str]:
    """The environment of a worker: that of this process, with so many threads and no more products than are of use."""
    # OpenMP's own default would start a thread a core in every worker; the search shares the cores itself.
    return {**KERNELS, **os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def unlimited(unit: Unit, waiting: Iterable[Unit]) -> None:
    """A unit takes what time it takes."""


@final
class Pool:
    """Some worker processes on one work folder. Final; use it as a context manager.

    They start at once, so that they are ready when the first unit comes; the rows may still be encoded meanwhile.
    """

    def __init__(
        self,
        folder: WorkFolder,
        name: str,
        *,
        seed: int,
        workers: int,
        threads: int,
        together: int = 1,
        ask: Ask | None = None,
        say: Callable[[str], None] = lambda text: None,
        memory: int | None = None,
    ) -> None:
        """together: how many processes train each network; workers: how many units are fitted at once. ask: what a
        worker wants to know of the person; say: what it tells. memory: bytes that all processes of the run may take;
        None where nobody said.
        """
        self.folder = folder
        self._arguments = [str(folder.path), name, str(seed), str(threads), str(together)]
        self._workers = [start(self._arguments, threads) for _ in range(workers)]
        self._threads = threads
        self._stopped: set[int] = set()
        self._ask, self._say, self._memory = ask, say, memory

    @property
    def size(self) -> int:
        """How many units run at once."""
        return len(self._workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._ask_to_end()
        for worker in self._workers:
            self._end(worker)

    def _ask_to_end(self) -> None:
        """Lets trainings write their state; whatever does not listen ends at once."""
        for worker in self._workers:
            worker.terminate()
        until = time.monotonic() + GRACE
        for worker in self._workers:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(max(until - time.monotonic(), 0.0))

    def _end(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()
        for stream in (worker.stdin, worker.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def run(self, units: Iterable[Unit], until: Deadline, done: Done, seconds: Seconds = unlimited) -> None:
        """Runs the units in their order, as many at once as there are workers, until all are done or the time is over.

        Units that are finished already are not run again. Work that is under way when the time ends is ended.
        Raises StorageError where a worker cannot keep what it made.
        """
        waiting = deque(unit for unit in units if not self.folder.finished(unit))
        busy: dict[int, Unit] = {}
        if not waiting or until.left() <= 0:
            return
        while self._stopped:
            number = self._stopped.pop()
            self._workers[number] = start(self._arguments, self._threads)
        with selectors.DefaultSelector() as ready:
            for number, worker in enumerate(self._workers):
                assert worker.stdout is not None, "workers are started with pipes"
                ready.register(worker.stdout, selectors.EVENT_READ, number)
                if waiting:
                    unit = waiting.popleft()
                    busy[number] = self._give(number, unit, seconds(unit, waiting))
            while busy:
                events = ready.select(timeout=min(max(until.left(), 0.0), 3600.0))
                if not events and until.left() <= 0:
                    self._stop(busy)
                    return
                for key, _ in events:
                    number = key.data
                    if number not in busy:
                        continue
                    told = self._heard(number)
                    if told is None:
                        continue
                    unit = busy.pop(number)
                    if not told:
                        ready.unregister(key.fileobj)
                        self._died(number, unit)
                        ready.register(self._workers[number].stdout, selectors.EVENT_READ, number)
                    done(unit, told.get("cpu_seconds", 0.0))
                    if waiting and until.left() > 0:
                        unit = waiting.popleft()
                        busy[number] = self._give(number, unit, seconds(unit, waiting))

    def _heard(self, number: int) -> dict[str, Any] | None:
        """What a worker says of the unit that it ended: nothing where it died. None where it only told or asked."""
        stdout = self._workers[number].stdout
        assert stdout is not None, "workers are started with pipes"
        line = stdout.readline()
        told: dict[str, Any] = json.loads(line) if line else {}
        if "say" in told:
            self._say(told["say"])
            return None
        if "ask" in told:
            self._write(number, {"answer": self._ask is not None and self._ask(told["ask"])})
            return None
        if "storage" in told:
            raise StorageError(**told["storage"])
        return told

    def rest(self) -> None:
        """Ends all workers, which hold memory while they wait; others take their place when there is work again."""
        for number in set(range(self.size)) - self._stopped:
            self._end(self._workers[number])
            self._stopped.add(number)

    def _give(self, number: int, unit: Unit, seconds: float | None) -> Unit:
        self._write(number, {"unit": unit.to_json(), "seconds": seconds, "memory": self._memory})
        return unit

    def _write(self, number: int, document: Mapping[str, Any]) -> None:
        stdin = self._workers[number].stdin
        assert stdin is not None, "workers are started with pipes"
        with suppress(BrokenPipeError):  # The death of the worker is seen where its answer is read.
            stdin.write(json.dumps(document).encode() + b"\n")
            stdin.flush()

    def _died(self, number: int, unit: Unit) -> None:
        """Writes down what ended the worker and starts another: a crash or the system's memory killer."""
        worker = self._workers[number]
        code = worker.wait()
        self._end(worker)
        if code > 0:
            raise TrainingError(
                "a worker process could not start; its message stands above.", where=str(self.folder.path)
            )
        reason = "the system ended it, most likely for want of memory" if code == -9 else f"it died of signal {-code}"
        self.folder.fail(self.folder.actual(unit), reason)
        self._workers[number] = start(self._arguments, self._threads)

    def _stop(self, busy: dict[int, Unit]) -> None:
        """Ends who is at work. Others take their place when there is work again: starting takes a second of a core."""
        for number in busy:
            self._end(self._workers[number])
            self._stopped.add(number)
