"""The state of a training on disk: written whole, read only if it is whole, and without pickle.

    <folder>/<step>-<first 16 hex digits of its sha256>.safetensors

Two are kept: if the newest is damaged, whatever did that, the training goes on from the one before.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from luban import arrays
from luban.arrays import Arrays
from luban.core import files, fingerprint
from luban.training import sharding
from luban.training.distributed import ALONE, Team

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

KEPT = 2
GOOD = "good"
"""The folder, within that of the checkpoints, of the states at marks where no fault was seen."""
_ENDING = ".safetensors"


@dataclass(frozen=True)
class Saved:
    """A state: JSON values, and tensors by name."""

    step: int
    values: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(repr=False)


@final
class Checkpoints:
    """The states in a folder. Writing goes on behind the training; the next write waits for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing: threading.Thread | None = None
        self._error: BaseException | None = None

    def latest(self) -> Saved | None:
        """The newest state that is whole, or None."""
        for path in sorted(self.folder.glob(f"*{_ENDING}"), key=_step, reverse=True):
            saved = _read(path)
            if saved is not None:
                return saved
        return None

    def write(self, saved: Saved) -> None:
        """Takes a copy of the state and writes it on another thread; an error is raised by the next call, or `wait`."""
        self.wait()
        copy = Saved(saved.step, saved.values, {name: t.detach().clone() for name, t in saved.tensors.items()})
        self._writing = threading.Thread(target=self._write, args=(copy,))
        self._writing.start()

    def wait(self) -> None:
        """Returns when what was given to `write` is on disk. Raises ResourceError where it could not be written."""
        if self._writing is not None:
            self._writing.join()
            self._writing = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _write(self, saved: Saved) -> None:
        try:
            with files.storage_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            content = _content(saved)
            name = f"{saved.step}-{fingerprint.of_pieces(content)[:16]}{_ENDING}"
            # Piece by piece: what is written is in memory once, as the copy that was taken.
            with files.new_file(self.folder / name) as made, made.open("wb") as file:
                arrays.write(file, content)
            for old in sorted(self.folder.glob(f"*{_ENDING}"), key=_step)[:-KEPT]:
                old.unlink(missing_ok=True)
        # It belongs to the thread that trains.
        except BaseException as error:  # noqa: BLE001
            self._error = error


@final
class Writing:
    """When states are written: every so many seconds; at the ends of epochs where it is cheap; never without a folder.

    RARELY bounds the share of the time that writing at the ends of epochs takes. Of several processes the leading one
    writes; where each holds a part of the weights, all bring theirs.
    """

    RARELY = 0.01

    def __init__(self, checkpoints: Checkpoints | None, seconds: float, team: Team = ALONE) -> None:
        self._checkpoints = checkpoints if team.leads else None
        self._seconds = seconds
        self._team = team
        self._last = time.monotonic()
        self._cost = 0.0

    def within_epoch(self, state: Callable[[], Saved]) -> None:
        if self._due(self._seconds):
            self._write(state)

    def at_epoch(self, state: Callable[[], Saved]) -> None:
        if self._due(self._cost / self.RARELY):
            self._write(state)

    def now(self, state: Callable[[], Saved]) -> None:
        """Writes the state and returns when it is on disk."""
        if self._due(0.0):
            self._write(state)
        self.wait()

    def wait(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.wait()

    def _due(self, seconds: float) -> bool:
        due = self._checkpoints is not None and time.monotonic() - self._last >= seconds
        return self._team.agreed(due) if self._team.sharded else due

    def _write(self, state: Callable[[], Saved]) -> None:
        started = time.monotonic()
        saved = state()
        if self._checkpoints is not None:
            self._checkpoints.write(saved)
        self._last = time.monotonic()
        self._cost = self._last - started


def _step(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isdigit() else -1


def _content(saved: Saved) -> Arrays:
    """The state as a file. Tensors of types that no array has lie there as bytes, with what they are beside them."""
    import torch

    odd: dict[str, tuple[str, list[int]]] = {}
    found = {}
    for name, tensor in saved.tensors.items():
        own = tensor.contiguous()
        kind = str(own.dtype).removeprefix("torch.")
        if kind not in arrays.TYPES:
            odd[name] = (kind, list(own.shape))
            own = own.reshape(-1).view(torch.uint8)
        found[name] = own.cpu().numpy()
    document = {"step": saved.step, "values": saved.values, **({"odd": odd} if odd else {})}
    return Arrays(found, {"luban": json.dumps(document, allow_nan=False)})


def _read(path: Path) -> Saved | None:
    """The state in a file; None where its bytes are not those that were written."""
    from safetensors import safe_open

    if fingerprint.of_file(path)[:16] != path.name.removesuffix(_ENDING).partition("-")[2]:
        return None
    with safe_open(path, framework="pt") as file:
        document = json.loads(file.metadata()["luban"])
        return Saved(document["step"], document["values"], _tensors(file, document.get("odd", {})))


def _tensors(file: Any, odd: Mapping[str, tuple[str, list[int]]]) -> dict[str, Tensor]:
    import torch

    found: dict[str, Tensor] = {name: file.get_tensor(name) for name in list(file.keys())}
    for name, (kind, shape) in odd.items():
        found[name] = found[name].view(getattr(torch, kind)).reshape(shape)
    return found


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """What the optimiser remembers of each parameter, as tensors by name."""
    import torch

    return {
        f"{number}.{name}": value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=torch.float64)
        for number, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Gives an optimiser over the same parameters what `optimizer_tensors` took of another."""
    state: dict[int, dict[str, Any]] = {}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = sharding.like(tensor, parameters[int(number)])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
