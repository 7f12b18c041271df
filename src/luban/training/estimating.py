"""How much memory a training will take, before its first step: counted on two rows, and kept within what is there.

What a step keeps for the backward pass is counted on the longest rows, once, as torch keeps it; a step of many tokens
keeps so much for each. To that come the weights, their gradients, what the optimiser remembers, the best weights and
the copies that a checkpoint takes. Where that is more than there is, a step is added up from smaller parts; then
activations are calculated again; and where one row does not fit even so, it is said before hours are lost.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban import collate
from luban.core import process
from luban.core.errors import ResourceError
from luban.core.units import read_seconds, read_size
from luban.recipe.recipe import Train
from luban.training import gathering, keeping
from luban.training.gathering import Part, Rows
from luban.training.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST = 256 << 20
"""Bytes of a training below which it is not limited: it fits wherever the libraries do."""
SHARE = 0.9
"""Share of the free memory of the machine that a training may plan for."""
REMEMBERED = {"sgd": 1, "muon": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimiser remembers of each weight; of others two are thought."""
WRITTEN = 1
"""How often what a checkpoint holds is in memory once more: its copy, from which it is written piece by piece."""
SPARE = 2.0
"""How many times what torch keeps the activations of a step take: what is calculated between them, and holes in the
heap. By trial with a language model of 135 million weights, where it was 1.9 in a fresh process.
"""
LONG = 10.0
"""Seconds from which a training is announced."""
LOWER = 2
"""Bytes of a number in bfloat16."""
LIMITED = ("batch_size", "accumulate", "tokens", "precision", "checkpoint_layers")
"""What is changed of a training so that it fits."""
MEASURED = 2
"""Rows that are passed to count: some layers need more than one."""


@dataclass(frozen=True)
class Space:
    """Bytes that are left for a training, which limit says so, and bytes that all processes of its run hold."""

    left: int
    limit: str
    held: int


@dataclass(frozen=True)
class Room:
    """How much memory there is for a run.

    allowed: bytes of all its processes together; None where only what the machine has free counts. run: the process
    that started the others; 0 for this one.
    """

    allowed: int | None = None
    run: int = 0

    def space(self, weights: int = 0) -> Space:
        """What is left at this moment. weights: bytes of those that are in memory already, and are counted apart."""
        free, held = int(SHARE * _free()) + weights, max(self.held() - weights, 0)
        if self.allowed is None or self.allowed - held > free:
            return Space(free, "what is free", held)
        return Space(max(self.allowed - held, 0), f"--memory {read_size(self.allowed)}", held)

    def held(self) -> int:
        """Bytes that all processes of the run have in memory, where the system tells."""
        run = self.run or os.getpid()
        found = {os.getpid(), run}
        with suppress(OSError):
            tasks = Path(f"/proc/{run}/task/{run}/children").read_text(encoding="ascii")
            found |= set(map(int, tasks.split()))
        return sum(map(process.resident, found))


@dataclass(frozen=True)
class Needs:
    """Bytes that a training takes.

    weights: of the network; learning: of those that learn. cell: what a token, or a row without tokens, keeps for the
    backward pass; again: what it keeps where layers are calculated again. lower: matrices once more in bfloat16, which
    are kept for the backward pass where it is calculated so; lower_again: of those, where layers are calculated again.
    """

    weights: int
    learning: int
    cell: float
    again: float
    lower: int = 0
    lower_again: int = 0

    def kept(self, train: Train) -> int:
        """What learns needs besides: gradients, what the optimiser remembers, the best weights, their average, and
        the copies of a checkpoint.
        """
        held = 1 + REMEMBERED.get(train.optimizer.lower(), 2) + bool(train.ema)
        return self.learning * (1 + held + WRITTEN * (1 + held))

    def activations(self, train: Train, cells: int) -> int:
        again = train.checkpoint_layers is True
        return int(SPARE * cells * (self.again if again else self.cell)) + self.copies(train)

    def copies(self, train: Train) -> int:
        """Of matrices in bfloat16, where it is calculated so, or tried."""
        if train.precision == "float32":
            return 0
        # Where layers are calculated again bfloat16 is not tried.
        again, tried = train.checkpoint_layers is True, train.precision == "auto"
        return (0 if tried else self.lower_again) if again else self.lower

    def total(self, train: Train, cells: int) -> int:
        return self.weights + self.kept(train) + self.activations(train, cells)


@dataclass(frozen=True)
class Estimate:
    """What a training is thought to take.

    memory: bytes of all processes of the run. weights, kept, activations: what comes to those that are there. seconds:
    wall time; None where no step was measured. tried: of the activations those that only bfloat16 takes, where tried.
    """

    memory: int
    weights: int
    kept: int
    activations: int
    seconds: float | None = None
    tried: int = 0

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None and key != "tried"}

    def without_trial(self) -> Estimate:
        """What it takes once float32 was taken."""
        activations = self.activations - self.tried
        return replace(self, memory=self.memory - self.tried, activations=activations, tried=0)

    @property
    def matters(self) -> bool:
        """Whether it is worth a line: it takes long, or much memory."""
        return self.weights + self.kept + self.activations > LEAST or (self.seconds or 0.0) > LONG

    def told(self) -> str:
        """In words."""
        took = "" if self.seconds is None else f", and {read_seconds(self.seconds)}"
        parts = f"weights {read_size(self.weights)}, activations {read_size(self.activations)}"
        return f"it will take about {read_size(self.memory)} of memory ({parts}){took}"


def needs(module: nn.Module, rows: Rows, loss: Loss, device: str) -> Needs:
    """What a training takes, from one pass of its longest rows. The module, a copy, is left without gradients."""
    import torch

    lengths = collate.lengths(rows.inputs)
    own = rows.train if len(rows.train) else rows.stopping
    longest = own[:MEASURED] if lengths is None else own[np.argsort(lengths[own], kind="stable")[-MEASURED:]]
    part = gathering.part(rows, longest).on(device)
    cells = len(longest) * (1 if lengths is None else int(lengths[longest].max()))
    parameters = list(module.parameters())
    sizes = [parameter.numel() * parameter.element_size() for parameter in parameters]
    learning = sum(size for size, each in zip(sizes, parameters, strict=True) if each.requires_grad)
    with torch.random.fork_rng(devices=[]):
        inside, outside, entering = _saved(keeping.copied(module).train(), part, loss)
    whole = outside + sum(inside)
    again = min(outside + sum(entering) + max(inside, default=0), whole)
    weights = sum(sizes) + sum(buffer.numel() * buffer.element_size() for buffer in module.buffers())
    return Needs(weights, learning, whole / cells, again / cells, *_lowered(module))


def _lowered(module: nn.Module) -> tuple[int, int]:
    """Bytes of the matrices in bfloat16: of all, and of those outside of layers that can be calculated again and of the
    largest such layer. An embedding counts too, which is the head of many a network.
    """

    def size(part: nn.Module) -> int:
        return LOWER * sum(weight.numel() for weight in part.parameters() if weight.ndim > 1)

    whole, inside = size(module), [size(layer) for layer in gathering.repeated(module)]
    return whole, min(whole - sum(inside) + max(inside, default=0), whole)


def _saved(module: nn.Module, part: Part, loss: Loss) -> tuple[list[int], int, list[int]]:
    """Bytes that are kept for the backward pass: by each layer that can be calculated again, by all else, and what
    enters each such layer.
    """
    import torch

    known = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    seen, inside, entering, at = set(known), [0], [0], [0]

    def keep(tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            inside[at[0]] += storage.nbytes()
        # Held without its history: a tensor that its own history holds would never be given back.
        held.append(tensor.detach())

    def enters(layer: nn.Module, inputs: Any, named: Any = None) -> None:
        at[0] = len(inside)
        inside.append(0)
        tensors = [each for each in (*inputs, *(named or {}).values()) if isinstance(each, torch.Tensor)]
        entering.append(sum(each.numel() * each.element_size() for each in tensors[:1]))

    def leaves(layer: nn.Module, inputs: Any, outputs: Any) -> None:
        at[0] = 0

    held: list[Tensor] = []
    hooks = []
    for layer in gathering.repeated(module):
        hooks += [
            layer.register_forward_pre_hook(enters, with_kwargs=True),
            layer.register_forward_hook(leaves),
        ]
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda nothing: nothing):
            loss(module, part, 1.0)
    finally:
        for hook in hooks:
            hook.remove()
    return inside[1:], inside[0], entering[1:]


def within(found: Needs, rows: Rows, train: Train, model: str, space: Space) -> tuple[Train, dict[str, str], Estimate]:
    """The training with steps of a size that fits, the reasons of what was changed by key, and what it will take.

    train: with its sizes decided. Raises ResourceError where one row at a time does not fit.
    """
    longest, cells = _cells(rows, train)
    told: dict[str, str] = {}
    first = found.total(train, cells)
    if first > max(space.left, LEAST):
        smaller, parts = _smaller(found, train, longest, cells, space.left)
        why = (
            f"a step of all its rows would take {read_size(first)}, and {read_size(space.left)} are left: {space.limit}"
        )
        if smaller is None:
            least = found.total(train.model_copy(update={"checkpoint_layers": True}), longest)
            there = (
                f"{read_size(space.left + space.held)} are there"
                if space.left
                else f"{read_size(space.held)} are taken before it begins"
            )
            raise ResourceError(
                f"to train {model} takes {read_size(least + space.held)} of memory with one row at a time, and "
                f"{there}: {space.limit}.",
                where=f"model.{model}",
                fix=f"--memory {math.ceil((least + space.held) / (1 << 20))}M, a smaller model, or shorter rows",
            )
        told = {key: why for key in LIMITED if getattr(smaller, key) not in (getattr(train, key), False)}
        train, cells = smaller, max(cells // parts, longest)
    if train.checkpoint_layers == "auto":
        train = train.model_copy(update={"checkpoint_layers": False})
    return train, told, Estimate(
        space.held + found.total(train, cells), found.weights, found.kept(train), found.activations(train, cells),
        tried=found.copies(train) if train.precision == "auto" else 0,
    )  # fmt: skip


def _smaller(found: Needs, train: Train, longest: int, cells: int, left: int) -> tuple[Train | None, int]:
    """The training with parts of steps that fit, and how many there are of one; None where one row does not fit.

    Smaller parts cost little; not to try bfloat16 may cost a third of the time, and so does calculating layers again.
    """
    assert isinstance(train.batch_size, int), "the size of batches is decided"
    ways = [
        train.model_copy(update={"checkpoint_layers": again, "precision": precision})
        for again in ((False, True) if train.checkpoint_layers == "auto" else (train.checkpoint_layers,))
        for precision in (("auto", "float32") if train.precision == "auto" else (train.precision,))
    ]
    for way in ways:
        parts = 1
        while True:
            if found.total(way, max(cells // parts, longest)) <= left:
                changes = {"batch_size": -(-train.batch_size // parts), "accumulate": parts * train.accumulate}
                if isinstance(train.tokens, int):
                    changes["tokens"] = max(train.tokens // parts, longest)
                return way.model_copy(update=changes), parts
            if cells // parts <= longest:
                break
            parts *= 2
    return None, 0


def _cells(rows: Rows, train: Train) -> tuple[int, int]:
    """Tokens, or rows without tokens, of one row and of the largest part of a step."""
    lengths = collate.lengths(rows.inputs)
    assert isinstance(train.batch_size, int), "the size of batches is decided"
    if lengths is None or not len(rows.train):
        return 1, train.batch_size
    longest = int(lengths[rows.train].max())
    tokens = train.tokens if isinstance(train.tokens, int) else train.batch_size * longest
    return longest, max(tokens, longest)


@contextmanager
def watched(room: Room) -> Iterator[dict[str, Any]]:
    """What a training became, once it is over: bytes of all processes of the run at its height, where the system tells
    them, and wall seconds.
    """
    began, told = time.monotonic(), dict[str, Any]()
    # The system forgets how much there was at most until now.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    yield told
    told["seconds"] = round(time.monotonic() - began, 3)
    own = process.told(os.getpid(), "VmHWM")
    if own:
        told["memory"] = own + room.held() - process.resident(os.getpid())


def _free() -> int:
    """Bytes that the machine has free."""
    with suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        fields: Mapping[str, str] = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) << 10
    return 1 << 62
