"""From the rows of a training to the tensors of its steps, gathered ahead of the loop where they are large."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from luban import collate
from luban.batch import Array, Batch, Inputs, PerRow, Ragged, dense
from luban.core.seed import derive
from luban.protocols import Task, Work
from luban.recipe.recipe import Train
from luban.training import batches, several
from luban.training.distributed import ALONE, Team

if TYPE_CHECKING:
    from torch import Tensor, nn

NOTHING = -1
"""What stands behind the target of a row that is shorter than others: no code, which has no loss."""
LARGE = 1 << 18
"""Numbers of a batch from which it is gathered on another thread."""
TOGETHER = 32
"""Batches of rows of equal size that are gathered in one go, as long as they are small."""
ANSWERED = 512
"""Rows whose loss is measured at once."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a training.

    target: as the loss takes it, sequences still ragged. weight: (rows,) float32 or None. train, stopping: numbers of
    the rows that are learned from, and of those that say when to stop. scale, offset: what standardised values are
    multiplied by and moved by; of several targets (outputs,) for the outputs of all.
    """

    inputs: Inputs
    target: PerRow
    weight: Array | None
    train: Array
    stopping: Array
    scale: float | Array = 1.0
    offset: float | Array = 0.0


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that pass the network together. rows: their numbers.

    target: of sequences (rows, steps), with NOTHING behind the shorter ones.
    """

    rows: Array
    tensors: dict[str, Tensor]
    target: Tensor
    weight: Tensor | None

    def on(self, device: str) -> Part:
        """The same on a device."""
        if device == "cpu":
            return self
        tensors = {name: tensor.to(device, non_blocking=True) for name, tensor in self.tensors.items()}
        weight = None if self.weight is None else self.weight.to(device)
        return Part(self.rows, tensors, self.target.to(device), weight)


@dataclass(frozen=True, eq=False)
class Step:
    """What comes between two steps of the optimiser. total: the weight of all its rows, in all processes."""

    parts: list[Part]
    total: float


def rows_of(batch: Batch, work: Work, task: Task, train: Train, seed: int) -> Rows:
    """The rows of a training: what the loss takes as target and weight, and which rows say when to stop."""
    target = batch.target
    weight = _weights(batch, work)
    scale: float | Array = 1.0
    offset: float | Array = 0.0
    if target is None:
        # What is learned without a target has its loss in the outputs themselves.
        target = np.zeros(len(batch), np.float32)
    elif isinstance(target, Ragged):
        pass
    elif work.targets:
        target, scale, offset = several.standardised(target, batch.weight, work)
    elif task.link == "identity":
        offset = float(np.average(target.reshape(len(target), -1).mean(axis=1), weights=batch.weight))
        squares = ((target - offset) ** 2).reshape(len(target), -1).mean(axis=1)
        scale = float(np.sqrt(np.average(squares, weights=batch.weight))) or 1.0
        target = ((target - offset) / scale).astype(np.float32)
    elif target.ndim == 2:
        target = target.astype(np.float32)
    numbers = np.random.default_rng(derive(seed, "stopping")).permutation(len(batch))
    assert isinstance(train.stopping, float | int), "the share that says when to stop is decided"
    count = min(round(train.stopping * len(batch)), len(batch) - 1)
    return Rows(
        inputs=batch.inputs,
        target=target if isinstance(target, Ragged) else np.asarray(target),
        weight=weight,
        train=np.sort(numbers[count:]),
        stopping=np.sort(numbers[:count]),
        scale=scale,
        offset=offset,
    )


def _weights(batch: Batch, work: Work) -> Array | None:
    """(rows,) float32 of mean 1, balanced over classes where that is asked; None where all are equal."""
    target, weight = batch.target, batch.weight
    if work.class_weight == "balanced" and work.task in ("binary", "multiclass") and target is not None:
        own = np.ones(len(batch)) if weight is None else np.asarray(weight)
        codes = dense(target)
        weight = own / np.bincount(codes, own, minlength=work.outputs)[codes]
    return None if weight is None else (np.asarray(weight) / np.mean(weight)).astype(np.float32)


def order(rows: Rows, train: Train, seed: int) -> batches.Order:
    """How the rows that are learned from are put into batches."""
    assert isinstance(train.batch_size, int), "the size of batches is decided"
    lengths = collate.lengths(rows.inputs)
    tokens = train.tokens if isinstance(train.tokens, int) else None
    return batches.Order(
        rows=len(rows.train),
        size=train.batch_size,
        seed=seed,
        tokens=tokens,
        lengths=None if lengths is None else lengths[rows.train],
    )


def steps(rows: Rows, epoch: list[Array], place: int, train: Train, team: Team) -> Iterator[Step]:
    """The steps of an epoch from a batch on. epoch: places among the training rows, by batch."""
    groups = [epoch[first : first + train.accumulate] for first in range(place, len(epoch), train.accumulate)]
    told = [([rows.train[places] for places in group]) for group in groups]
    cells = _cells(rows.inputs) * max((len(places) for places in epoch), default=1)
    if cells >= LARGE:
        yield from batches.ahead(told, lambda group: _step(rows, group, team))
        return
    if collate.lengths(rows.inputs) is None and team.size == 1:
        size = max(1, min(TOGETHER, LARGE // max(cells * train.accumulate, 1)))
        for first in range(0, len(told), size):
            yield from _together(rows, told[first : first + size])
        return
    for group in told:
        yield _step(rows, group, team)


def _step(rows: Rows, group: list[Array], team: Team) -> Step:
    total = _total(rows, group)
    return Step([_share(rows, numbers, team) for numbers in group], total)


def _share(rows: Rows, numbers: Array, team: Team) -> Part:
    """What this process takes of a batch."""
    import torch

    own, counts = team.share(numbers)
    found = part(rows, own)
    if counts is None:
        return found
    weight = torch.from_numpy(counts)
    return replace(found, weight=weight if found.weight is None else weight * found.weight)


def _total(rows: Rows, group: list[Array]) -> float:
    if rows.weight is None:
        return float(sum(map(len, group)))
    return float(sum(rows.weight[numbers].sum() for numbers in group))


def part(rows: Rows, numbers: Array) -> Part:
    """These rows as tensors."""
    import torch

    weight = None if rows.weight is None else torch.from_numpy(rows.weight[numbers])
    target = rows.target[numbers]
    if isinstance(target, Ragged):
        target = target.padded(NOTHING).astype(np.int64)
    return Part(numbers, collate.to_torch(rows.inputs, numbers), torch.from_numpy(target), weight)


def _together(rows: Rows, groups: list[list[Array]]) -> Iterator[Step]:
    """Several steps whose rows have equal size: one selection for all, then views of it."""
    whole = part(rows, np.concatenate([numbers for group in groups for numbers in group]))
    first = 0
    for group in groups:
        parts = []
        for numbers in group:
            piece = slice(first, first + len(numbers))
            tensors = {name: tensor[piece] for name, tensor in whole.tensors.items()}
            weight = None if whole.weight is None else whole.weight[piece]
            parts.append(Part(numbers, tensors, whole.target[piece], weight))
            first += len(numbers)
        yield Step(parts, _total(rows, group))


def mean_loss(module: nn.Module, rows: Rows, loss: Any, device: str, team: Team = ALONE) -> float:
    """The mean loss of the rows that say when to stop, the network as it answers; the same in all processes."""
    import torch

    numbers = rows.stopping
    lengths = collate.lengths(rows.inputs)
    if lengths is not None:
        numbers = numbers[np.argsort(lengths[numbers], kind="stable")]
    training, total, value = module.training, _total(rows, [numbers]), 0.0
    module.eval()
    with torch.inference_mode():
        together = ANSWERED * team.size
        for first in range(0, len(numbers), together):
            value += loss(module, _share(rows, numbers[first : first + together], team).on(device), total).item()
    module.train(training)
    (value,) = team.totals(value)
    return value if math.isfinite(value) else math.inf


def prepared(module: nn.Module, train: Train) -> nn.Module:
    """The module, made to calculate activations again in the backward pass, and compiled, where that is asked."""
    import torch

    if train.checkpoint_layers is True:
        _calculate_again(module)
    if train.compile:
        module.compile()
    assert isinstance(module, torch.nn.Module)
    return module


def _calculate_again(module: nn.Module) -> None:
    """Lets the parts of each sequence of layers keep their inputs only (Chen et al., 2016)."""
    from torch.utils.checkpoint import checkpoint

    for layer in repeated(module):
        # A layer that held itself would stay in memory, and its weights with it, until somebody looks for such circles.
        held, forward = weakref.ref(layer), type(layer).forward

        def again(*inputs: Any, held: Any = held, forward: Any = forward, **named: Any) -> Any:
            own = held()
            if not own.training:
                return forward(own, *inputs, **named)
            return checkpoint(partial(forward, own), *inputs, use_reentrant=False, **named)

        layer.forward = again


def repeated(module: nn.Module) -> list[nn.Module]:
    """The layers that follow each other within a module: those whose activations can be calculated again."""
    from torch import nn

    found = [each for each in module.modules() if isinstance(each, nn.Sequential | nn.ModuleList) and len(each) > 1]
    return [layer for layers in found for layer in layers]


def _cells(inputs: Inputs) -> int:
    """Numbers of a row, on average."""
    found = 0.0
    for values in collate.parts(inputs).values():
        if isinstance(values, Ragged):
            found += values.values.size / max(len(values), 1)
        else:
            found += values.size / max(len(values), 1)
    return int(found)
