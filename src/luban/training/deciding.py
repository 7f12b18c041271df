"""What `auto` becomes in the training of a network, and why. Decided or measured before the first step, on copies.

Rates are found in `rates`, devices and precisions by `computing`, lengths by `duration`, memory by `estimating`.
The choices are written down before the training starts; whoever continues it reads them, and the bundle's recipe holds
them, so that fitting it again measures nothing.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luban import collate
from luban.batch import Array, Batch
from luban.core import registry
from luban.core.seed import derive
from luban.protocols import Blocked, Customary, Work
from luban.recipe.recipe import Candidate, Section, Train
from luban.training import (
    allocating,
    augmenting,
    computing,
    constancy,
    duration,
    early,
    estimating,
    gathering,
    needs,
    rates,
    several,
)
from luban.training.beginning import begun, customary, pretrained
from luban.training.choices import Choices
from luban.training.gathering import Part
from luban.training.inside import inside
from luban.training.loss import Loss, loss_of
from luban.training.room import Room
from luban.training.settings import settings
from luban.training.writing import TASK

if TYPE_CHECKING:
    from torch import nn

SMALLEST_BATCH, LARGEST_BATCH, LARGEST_WRITTEN = 8, 128, 32
"""Rows of a step; fewer where texts are written, for each row has many tokens to learn from."""
USUAL = {"optimizer": "adamw", "schedule": "cosine"}
"""What `auto` is where nothing is known of an architecture."""
BATCHES = 40
"""Batches of an epoch that small data is cut into."""
RATE_OF_WRITING = 3e-3
"""Of adaptive methods where texts are written. A range test is too short to see what attention bears: on pairs of
titles it said 0.01 with batches of 128 rows and 0.0016 with 32, and there the loss fell faster at 0.003.
"""
LEAST_PATIENCE = 5
FEWEST_CHANGED = 10
"""Epochs from which changed rows are worth their noise: with fewer a network sees each row too seldom to overfit."""
TRIED = 8
"""Batches that are measured on."""


@dataclass(frozen=True)
class _Trial:
    """What is measured on: the network as it begins, some parts of an epoch, and what is minimised.

    steps: parts of an epoch. custom: the architecture, where it says what is usual, and its settings.
    """

    module: nn.Module
    parts: list[Part]
    loss: Loss
    steps: int
    work: Work
    custom: Customary | None
    settings: Section


def decide(
    batch: Batch,
    work: Work,
    candidate: Candidate,
    train: Train,
    *,
    seed: int,
    seconds: float | None = None,
    cut_short: bool = False,
    room: Room | None = None,
) -> Choices:
    """What is open in the training of a candidate on these rows, decided.

    train: the recipe's part; what the candidate has recorded of its own stands before it. seconds: wall time for the
    whole training, or None. cut_short: whether it ends within an epoch where the time is over. room: the memory that it
    is kept within; None for any.
    Deterministic but for what is measured: the precision of slow steps, and epochs by time.
    """
    import torch

    began = time.monotonic()
    train = Train.model_validate({**train.model_dump(), **candidate.train})
    seen = inside(batch, work, candidate)
    batch, work = seen.batch, seen.work
    task = several.task_of(work)
    found = sizes(train, len(batch), collate.lengths(batch.inputs), **_known(candidate, work))
    found = _usual(found, candidate)
    if isinstance(train.augment, dict):
        augmenting.check(train.augment, work)
    where, why = computing.device(train.device)
    if found.open("device"):
        found = found.decided(why, device=where)
    rows = gathering.rows_of(batch, work, task, found.train, seed)
    torch.manual_seed(derive(seed, "deciding"))
    module, loss = begun(candidate, work, rows, counts=False).to(where), loss_of(task, found.train)
    if room is not None and where == "cpu":
        found = _within_memory(found, module, rows, loss, candidate.model, room)
    order = gathering.order(rows, found.train, seed)
    parts = [gathering.part(rows, rows.train[places]).on(where) for places in order.epoch(0)[:TRIED]]
    trial = _Trial(module, parts, loss, order.steps, work, customary(candidate), settings(candidate))
    if found.open("threads"):
        count, why = computing.threads(module, parts, loss)
        found = found.decided(why, threads=count)
        torch.set_num_threads(count)
    found, each = _rate(found, trial)
    found, each = _precision(found, trial, each)
    left = None if seconds is None else seconds - (time.monotonic() - began)
    found = _length(found, trial, each, left, candidate, cut_short=cut_short)
    found = _patience(_augmented(found, work))
    if found.estimate is not None:
        takes = duration.seconds(found.train, rows, order.steps, each, seconds)
        found = replace(found, estimate=replace(found.estimate, seconds=takes))
    again = found.train.checkpoint_layers is True
    return replace(found, train=found.train.model_copy(update={"checkpoint_layers": again}))


def _usual(found: Choices, candidate: Candidate) -> Choices:
    """The optimiser and the schedule where they are open, and why where they are those of an architecture."""
    model = registry.find("models", candidate.model)
    own = model.usual() if isinstance(model, Blocked) else {}
    for key, every in USUAL.items():
        if found.open(key):
            value, why = own.get(key, (every, ""))
            changed = found.decided(why, **{key: value})
            found = changed if why else replace(found, train=changed.train)
    return found


def _within_memory(
    found: Choices, module: nn.Module, rows: gathering.Rows, loss: Loss, model: str, room: Room
) -> Choices:
    """Steps that fit into what there is, and what the training will take."""
    takes = needs.counted(module, rows, loss, "cpu")
    allocating.give_back()
    train, told, estimate = estimating.within(takes, rows, found.train, model, room.space(takes.weights))
    return Choices(train, {**found.reasons, **told}, estimate)


def _rate(found: Choices, trial: _Trial) -> tuple[Choices, float]:
    """The learning rate where it is open, and the wall seconds of a step where one was measured; else 0."""
    train = found.train
    if found.open("learning_rate") and trial.custom is not None:
        rate, why = trial.custom.rate(trial.settings)
        found = found.decided(why, learning_rate=rate)
    elif found.open("learning_rate") and trial.work.task == TASK and train.optimizer.lower() != "sgd":
        why = "the usual one where texts are written, for which a range test is too short"
        found = found.decided(why, learning_rate=RATE_OF_WRITING)
    if found.open("learning_rate"):
        # A penalty of weights is part of what a network loses, and no constant has one.
        constant = constancy.knows(trial.work) and not train.l1
        ceiling = constancy.least(trial.work.outputs, trial.parts, trial.loss) if constant else math.inf
        tested = rates.learning_rate(trial.module, trial.parts, train, trial.loss, ceiling=ceiling)
        return found.decided(tested.reason, learning_rate=tested.rate), tested.seconds
    if found.open("precision") or found.open("epochs"):
        return found, rates.learning_rate(trial.module, trial.parts, found.train, trial.loss, TRIED).seconds
    return found, 0.0


def _precision(found: Choices, trial: _Trial, each: float) -> tuple[Choices, float]:
    """The precision where it is open, and what a step takes in it. each: what one takes in float32."""
    if not found.open("precision"):
        return found, each
    if found.train.checkpoint_layers is True:
        why = "bfloat16 was not tried: there is no memory for activations of both"
        return found.decided(why, precision="float32"), each
    chosen, faster, why = computing.precision(trial.module, trial.parts, trial.loss, each, found.train.device)
    if chosen == "float32" and found.estimate is not None:
        found = replace(found, estimate=found.estimate.without_trial())
    return found.decided(why, precision=chosen), each / faster


def _length(
    found: Choices, trial: _Trial, each: float, left: float | None, candidate: Candidate, *, cut_short: bool
) -> Choices:
    """The epochs where they are open, or the steps where texts are read once or twice. each: wall seconds of a part.
    left: those that there are for all.
    """
    train, steps = found.train, math.ceil(trial.steps / found.train.accumulate)
    if not found.open("epochs"):
        return found
    if train.steps is not None:
        count = math.ceil(train.steps * train.accumulate / trial.steps)
        return found.decided(f"{train.steps:,} steps take so many", epochs=count)
    usual = None if trial.custom is None else trial.custom.epochs(steps)
    step = each * train.accumulate
    longer = 1 if pretrained(candidate) else duration.LONGER
    count, why = duration.epochs(steps, step, left, usual, cut_short=cut_short, longer=longer)
    found = found.decided(why, epochs=count)
    counted = blocks(candidate) is not None and not pretrained(candidate)
    if not counted or not cut_short or left is None or usual is None:
        return found
    # Of texts that are read once or twice, no whole number of epochs is near to what time allows.
    planned = int(duration.USED * left / max(step, 1e-9))
    if planned >= duration.LONGER * usual[0] * steps:
        return found
    found = found.decided(f"what {left:.0f} s allow, at {step * 1e3:.2g} ms a step", steps=max(planned, 1))
    return replace(found, train=found.train.model_copy(update={"epochs": math.ceil(planned / steps) or 1}))


def _augmented(found: Choices, work: Work) -> Choices:
    """How rows are changed at random, where it is open."""
    if not found.open("augment"):
        return found
    names, why = augmenting.usual(work)
    assert isinstance(found.train.epochs, int), "the number of epochs was decided before"
    if names and found.train.epochs < FEWEST_CHANGED:
        names, why = {}, f"in {found.train.epochs} epochs a network hardly learns its rows by heart: none is changed"
    return found.decided(why, augment=names)


def _patience(found: Choices) -> Choices:
    """How many epochs may pass without a better one, where it is open."""
    if not found.open("patience"):
        return found
    assert isinstance(found.train.epochs, int), "the number of epochs was decided before"
    why = f"a quarter of {found.train.epochs} epochs, and at least {LEAST_PATIENCE}"
    return found.decided(why, patience=max(found.train.epochs // 4, LEAST_PATIENCE))


def sizes_of(batch: Batch, work: Work, candidate: Candidate, train: Train) -> Train:
    """The recipe's part for a candidate, in which the sizes of batches are decided."""
    train = Train.model_validate({**train.model_dump(), **candidate.train})
    batch = inside(batch, work, candidate).batch
    return sizes(train, len(batch), collate.lengths(batch.inputs), **_known(candidate, work)).train


def _known(candidate: Candidate, work: Work) -> dict[str, Any]:
    """What `sizes` goes by, beside the rows."""
    return {"writes": work.task == TASK, "blocks": blocks(candidate), "by_heart": early.by_heart(candidate, work)}


def blocks(candidate: Candidate) -> tuple[int, str] | None:
    """How many blocks of text make a step of this candidate, and why; None where it learns rows."""
    model = registry.find("models", candidate.model)
    return model.batch(settings(candidate)) if isinstance(model, Blocked) else None


def sizes(
    train: Train,
    rows: int,
    lengths: Array | None,
    *,
    writes: bool = False,
    blocks: tuple[int, str] | None = None,
    by_heart: bool = False,
) -> Choices:
    """The sizes of batches and of the part that says when to stop, from the number of rows and their lengths.

    writes: whether a text is written for each row. blocks: how many make a step, and why, where rows are that.
    by_heart: see `early.by_heart`.
    """
    reasons = {}
    size = train.batch_size
    if size == "auto" and blocks is not None:
        size, reasons["batch_size"] = blocks
    elif size == "auto":
        largest = LARGEST_WRITTEN if writes else LARGEST_BATCH
        size = int(np.clip(2 ** round(math.log2(max(rows / BATCHES, 1))), SMALLEST_BATCH, largest))
        reasons["batch_size"] = f"{rows:,} rows make about {BATCHES} batches, of {SMALLEST_BATCH} to {largest} rows"
    tokens = train.tokens
    if tokens == "auto" and lengths is not None:
        tokens = max(math.ceil(size * float(np.mean(lengths))), int(lengths.max()))
        reasons["tokens"] = f"{size} rows of the mean length, {np.mean(lengths):.1f}"
    stopping = train.stopping
    if stopping == "auto":
        stopping, reasons["stopping"] = early.share(rows, blocks=blocks is not None, by_heart=by_heart)
    return Choices(train.model_copy(update={"batch_size": size, "tokens": tokens, "stopping": stopping}), reasons)
