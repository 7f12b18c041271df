"""What a training will take, told before its first step, and kept within the memory that is there.

What it takes is counted in `needs`, and what there is in `room`. Where the first is more, a step is added up from
smaller parts; then activations are calculated again; and where one row does not fit even so, it is said before hours
are lost.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from luban import collate
from luban.core.errors import ResourceError
from luban.core.units import read_seconds, read_size
from luban.recipe.recipe import Train
from luban.training.gathering import Rows
from luban.training.needs import Needs
from luban.training.room import Space

LEAST = 256 << 20
"""Bytes of a training below which it is not limited: it fits wherever the libraries do."""
LONG = 10.0
"""Seconds from which a training is announced."""
LIMITED = ("batch_size", "accumulate", "tokens", "precision", "checkpoint_layers")
"""What is changed of a training so that it fits."""


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
