"""The process that is forked for `forking`, and what its forks become: a worker, `luban`, or `python`.

    python forked.py [programs] [FIFO]      serves: a line of stdin for each fork that is wanted, its id as the answer

A fork that becomes a program has a server of its own for its workers, a twin of it that ends with it, as workers do
that a program starts itself. Of what is typed into a shell (`typed.py`) a line of the FIFO tells the process.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

HOW = {"0": os.O_RDONLY, "1": os.O_WRONLY | os.O_APPEND, "2": os.O_WRONLY | os.O_APPEND, "status": os.O_WRONLY}
"""How a fork opens what whoever wants it has open; its status is written when it has ended."""


def serve(orders: int, answers: int, typed: int | None = None) -> None:
    """Forks whenever that is wanted, until the orders end."""
    ended: dict[int, tuple[int, int]] = {}
    listened = [orders] if typed is None else [orders, typed]
    while True:
        for ready in select.select([*listened, *ended], [], [])[0]:
            if ready in ended:
                pid, status = ended.pop(ready)
                os.write(status, str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                os.close(status)
                os.close(ready)
                continue
            line = _line(ready)
            if not line:
                return
            wanted = json.loads(line) if ready == orders else _typed(*map(int, line.split()))
            ends = {name: os.open(place, HOW[name]) for name, place in wanted["ends"].items()}
            pid = os.fork()
            if pid == 0:
                _become(wanted, ends)
            for name in ("0", "1", "2"):
                os.close(ends[name])
            ended[os.pidfd_open(pid)] = (pid, ends["status"])
            told = f"{pid}\n".encode()
            os.write(answers if ready == orders else ends["status"], told)


def _line(orders: int) -> bytes:
    """The next line; empty at the end. Nothing after it is read: a fork must not inherit it."""
    read = b""
    while not read.endswith(b"\n"):
        more = os.read(orders, 1)
        if not more:
            return b""
        read += more
    return read


def _typed(pid: int, status: int) -> dict[str, Any]:
    """What a process that runs `typed.py` stands for. status: its number of where the status is written."""
    place = Path(f"/proc/{pid}")
    _, _, program, *arguments = (place / "cmdline").read_bytes().decode().split("\0")[:-1]
    environment = (place / "environ").read_bytes().decode().split("\0")[:-1]
    return {
        "program": Path(program).name,
        "arguments": arguments,
        "environment": dict(line.split("=", 1) for line in environment),
        "folder": os.readlink(place / "cwd"),
        "ends": {name: str(place / "fd" / name) for name in ("0", "1", "2")} | {"status": str(place / f"fd/{status}")},
    }


def _become(wanted: dict[str, Any], ends: dict[str, int]) -> None:
    """Runs what is wanted in this fork, and ends it."""
    code = 1
    try:
        for name in ("0", "1", "2"):
            os.dup2(ends[name], int(name))
        os.closerange(3, 1 << 16)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.chdir(wanted["folder"])
        if os.environ.get("PYTHONWARNINGS") == "error":
            warnings.simplefilter("error")
        PROGRAMS[wanted["program"]](*wanted["arguments"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    # Whatever it was, this process must not go on as the one that is forked.
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
    finally:
        if wanted["program"] != "worker":
            atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _with_workers(program: Callable[..., None]) -> Callable[..., None]:
    """The program, whose workers are forks of a twin of it."""

    def run(*arguments: str) -> None:
        from forking import Nursery
        from luban.core.process import end_with_parent
        from luban.training import pool

        (orders, to_twin), (from_twin, answers) = os.pipe(), os.pipe()
        itself = os.getpid()
        if os.fork() == 0:
            end_with_parent()
            # It may have ended before that was asked for.
            if os.getppid() == itself:
                os.close(to_twin)
                serve(orders, answers)
            os._exit(0)
        os.close(orders)
        os.close(answers)
        pool.start = Nursery.of(os.fdopen(to_twin, "wb"), os.fdopen(from_twin, "rb")).start  # type: ignore[assignment]
        program(*arguments)

    return run


def _worker(*arguments: str) -> None:
    from luban.training import worker

    worker.main(*arguments)


def _luban(*arguments: str) -> None:
    from luban.cli.main import main

    sys.argv = ["luban", *arguments]
    main()


def _python(first: str, *arguments: str) -> None:
    """`python -c CODE` or `python FILE`."""
    if first == "-c":
        sys.argv = ["-c", *arguments[1:]]
        sys.path.insert(0, "")
        sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(arguments[0], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = [first, *arguments]
        sys.path.insert(0, str(Path(first).parent))
        runpy.run_path(first, run_name="__main__")


PROGRAMS: dict[str, Callable[..., None]] = {
    "worker": _worker,
    "luban": _with_workers(_luban),
    "python": _with_workers(_python),
}


def main(*arguments: str) -> None:
    import torch

    from luban.core.process import end_with_parent
    from luban.training import fitting, worker

    end_with_parent()
    del torch, worker
    fitting.warm_up()
    if "programs" in arguments:
        import onnx
        import onnxruntime
        import onnxscript
        import torch.export
        import torch.onnx

        import luban.verbs.fit
        from exporting import one_table
        from luban.runtime.torch_export import OPERATOR_SET

        registry, name, table = one_table()
        setattr(registry, name, table)
        registry.from_torchlib(opset_version=OPERATOR_SET)
        del onnx, onnxruntime, onnxscript, torch, luban
    places = [place for place in arguments if place != "programs"]
    # Opened to be written too: it must not end when whoever typed has.
    typed = os.open(places[0], os.O_RDWR) if places else None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve(0, 1, typed)


if __name__ == "__main__":
    main(*sys.argv[1:])
